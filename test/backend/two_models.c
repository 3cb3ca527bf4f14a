/* Two networks in one program, called from several threads at once: same bits as alone. Each thread has its
 * own workspace; nothing else is shared but the weights.
 *
 * RUN: mkdir -p %t
 * RUN: tenon compile %{root}/examples/lenet5/lenet5.tn -o %t/lenet5.o --header=%t/lenet5.h -q
 * RUN: tenon compile %{root}/examples/mlp/mlp.tn -o %t/mlp.a --header=%t/mlp.h -q
 * RUN: gcc -std=c11 -O1 -Wall -Wextra -Werror -I%t %s %t/lenet5.o %t/mlp.a -pthread -o %t/two_models
 * RUN: %t/two_models
 * RUN: gcc -std=c11 -O1 -g -fsanitize=thread -I%t %s %t/lenet5.o %t/mlp.a -pthread -o %t/two_models_tsan
 * RUN: %t/two_models_tsan
 */
#include "lenet5.h"
#include "mlp.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 6, ROUNDS = 5, BATCH = 7, PIXELS = 784, CLASSES = 10 };

static float images[BATCH * PIXELS];

typedef struct Answers {
    float lenet5[BATCH * CLASSES], mlp[BATCH * CLASSES];
} Answers;

static Answers alone;

static void *aligned(size_t align, size_t bytes) {
    void *memory = aligned_alloc(align, (bytes / align + 1) * align);
    if (!memory) exit(2);
    return memset(memory, 0xa5, bytes); /* a workspace arrives dirty */
}

static void require(int status) {
    if (status == TENON_OK) return;
    fprintf(stderr, "%s\n", tenon_status_text(status));
    exit(1);
}

static void answer(Answers *out) {
    void *one = aligned(LENET5_CLASSIFY_WORKSPACE_ALIGN, LENET5_CLASSIFY_WORKSPACE_SIZE);
    void *two = aligned(MLP_CLASSIFY_WORKSPACE_ALIGN, MLP_CLASSIFY_WORKSPACE_SIZE);
    require(lenet5_classify(BATCH, images, out->lenet5, one));
    require(mlp_classify(BATCH, images, out->mlp, two));
    free(one);
    free(two);
}

static void *call_often(void *argument) {
    Answers *answers = argument;
    for (int round = 0; round < ROUNDS; round++) {
        answer(answers);
        if (memcmp(answers, &alone, sizeof alone) != 0) return (void *)"other bits than alone";
    }
    return NULL;
}

int main(void) {
    static Answers answers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = (float)(i * 37 % 256) / 255.0f;
    answer(&alone);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, call_often, &answers[i]) != 0) return 2;
    const char *problem = NULL;
    for (int i = 0; i < THREADS; i++) {
        void *told;
        pthread_join(threads[i], &told);
        if (told) problem = told;
    }
    if (problem) fprintf(stderr, "%s\n", problem);
    return problem != NULL;
}
