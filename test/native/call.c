#include "test/native/call.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- Traps ---- */

static sigjmp_buf escape;

static void on_trap(int number) { siglongjmp(escape, number); }

static const int traps[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { TRAP_COUNT = sizeof traps / sizeof *traps };

static int call_trapped(const tenon_entry_info *entry, const tenon_call *call) {
    struct sigaction own = {.sa_handler = on_trap, .sa_flags = SA_NODEFER}, old[TRAP_COUNT];
    for (int i = 0; i < TRAP_COUNT; i++) sigaction(traps[i], &own, &old[i]);
    int status = sigsetjmp(escape, 1) == 0 ? entry->call(call) : CALL_TRAPPED;
    for (int i = 0; i < TRAP_COUNT; i++) sigaction(traps[i], &old[i], NULL);
    return status;
}

/* ---- Items ---- */

static void run_reversed(void *context, void (*item)(void *, int32_t), void *argument, int32_t count) {
    (void)context;
    for (int32_t i = count - 1; i >= 0; i--) item(argument, i);
}

static const tenon_executor reverser = {.threads = 3, .parallel_for = run_reversed};

/* ---- Calls ---- */

typedef struct Surroundings {
    Guarded inputs[CALL_TENSORS_MAX], outputs[CALL_TENSORS_MAX], state, workspace;
} Surroundings;

static void surround(Surroundings *s, const NativeCall *call, GuardSide side, unsigned char fill) {
    const tenon_entry_info *entry = call->entry;
    *s = (Surroundings){0};
    for (uint32_t i = 0; i < entry->input_count; i++) {
        s->inputs[i] = guarded_create(call->input_bytes[i], call->input_align[i], side, fill);
        memcpy(s->inputs[i].data, call->inputs[i], call->input_bytes[i]);
    }
    for (uint32_t i = 0; i < entry->output_count; i++)
        s->outputs[i] = guarded_create(call->output_bytes[i], call->output_align[i], side, fill);
    s->state = guarded_create(call->state_bytes, 64, side, fill);
    if (call->state) memcpy(s->state.data, call->state, call->state_bytes);
    s->workspace = guarded_create(entry->workspace_size(call->dims), 64, side, fill);
}

static int inspect(const Surroundings *s, const NativeCall *call, int status) {
    bool intact = guarded_intact(&s->state) && guarded_intact(&s->workspace), same = true;
    for (uint32_t i = 0; i < call->entry->input_count; i++) {
        intact &= guarded_intact(&s->inputs[i]);
        same &= call->input_bytes[i] == 0 ||
                memcmp(s->inputs[i].data, call->inputs[i], call->input_bytes[i]) == 0;
    }
    for (uint32_t i = 0; i < call->entry->output_count; i++) intact &= guarded_intact(&s->outputs[i]);
    return !intact ? CALL_OVERRAN : !same ? CALL_CHANGED_INPUT : status;
}

static void release(Surroundings *s, const NativeCall *call) {
    for (uint32_t i = 0; i < call->entry->input_count; i++) guarded_destroy(&s->inputs[i]);
    for (uint32_t i = 0; i < call->entry->output_count; i++) guarded_destroy(&s->outputs[i]);
    guarded_destroy(&s->state);
    guarded_destroy(&s->workspace);
}

int native_call(NativeCall *call, GuardSide side, unsigned char fill, bool reversed) {
    Surroundings s;
    const void *inputs[CALL_TENSORS_MAX];
    void *outputs[CALL_TENSORS_MAX];
    surround(&s, call, side, fill);
    for (uint32_t i = 0; i < call->entry->input_count; i++) inputs[i] = s.inputs[i].data;
    for (uint32_t i = 0; i < call->entry->output_count; i++) outputs[i] = s.outputs[i].data;
    tenon_call raw = {.struct_size = sizeof raw,
                      .dims = call->dims,
                      .inputs = inputs,
                      .outputs = outputs,
                      .state = s.state.data,
                      .workspace = s.workspace.data,
                      .workspace_bytes = s.workspace.bytes,
                      .executor = call->threads && reversed ? &reverser : NULL};
    int status = inspect(&s, call, call_trapped(call->entry, &raw));
    for (uint32_t i = 0; i < call->entry->output_count; i++)
        if (call->output_bytes[i]) memcpy(call->outputs[i], s.outputs[i].data, call->output_bytes[i]);
    if (call->state) memcpy(call->state, s.state.data, call->state_bytes);
    release(&s, call);
    return status;
}

const char *native_status_text(int status) {
    static char text[32];
    switch (status) {
    case TENON_OK: return "no error";
    case TENON_E_DIM: return "TENON_E_DIM";
    case TENON_E_SHAPE: return "TENON_E_SHAPE";
    case TENON_E_INDEX: return "TENON_E_INDEX";
    case TENON_E_DIVIDE: return "TENON_E_DIVIDE";
    case CALL_TRAPPED: return "a trap: memory outside its buffers, or a forbidden instruction";
    case CALL_OVERRAN: return "bytes written outside the buffers";
    case CALL_CHANGED_INPUT: return "an input overwritten";
    default: snprintf(text, sizeof text, "status %d", status); return text;
    }
}
