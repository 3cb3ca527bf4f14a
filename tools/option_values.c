/* What the values of options may be, where a fixed set, a number or a name is expected. */
#include "tools/image.h"
#include "tools/pictures.h"
#include "tools/top.h"

#include "passes/passes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *value, const char *words) {
    size_t length = strlen(value);
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, value, length) == 0) return true;
        at += word;
    }
    return false;
}

static bool is_whole(const char *value, long long min, long long max) {
    char *end;
    long long number = strtoll(value, &end, 10);
    return isdigit((unsigned char)value[0]) && !*end && number >= min && number <= max;
}

static bool is_positive(const char *value) {
    char *end;
    double number = strtod(value, &end);
    return end != value && !*end && number > 0 && number < 1e300;
}

static bool is_name(const char *value) {
    const char *at = value;
    while (isalnum((unsigned char)*at) || *at == '_') at++;
    return value[0] && !*at && !isdigit((unsigned char)value[0]);
}

static bool is_size(const char *value) {
    int height, width;
    return picture_size_parse(value, &height, &width);
}

static bool are_numbers(const char *value, bool positive) {
    double numbers[3];
    int count = picture_numbers_parse(value, numbers);
    for (int i = 0; i < count && positive; i++)
        if (!(numbers[i] > 0)) return false;
    return count > 0;
}

/* NULL: each of |names| is a pass. */
static const char *passes_expected(Arena *arena, const char *words, const char *const *names, int count) {
    const char **known = NEW_ARRAY(arena, const char *, pass_count);
    for (int i = 0; i < pass_count; i++) known[i] = pass_infos[i].name;
    for (int i = 0; i < count; i++) {
        if (pass_find(names[i])) continue;
        const char *near = nearest_name(names[i], known, pass_count);
        return arena_printf(arena, "%s, as `tenon explain passes` lists them; there is no '%s'%s%s%s", words,
                            names[i], near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return NULL;
}

int64_t option_bytes(const char *value) {
    static const char units[] = "KMG";
    char *end;
    long long number = strtoll(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    bool ends = !*end || (unit && !end[1]);
    if (!isdigit((unsigned char)value[0]) || !ends || number < 0 || number > INT64_MAX >> shift) return -1;
    return (int64_t)number << shift;
}

const char *option_value_expected(Arena *arena, int id, const char *value, char command) {
    enum { MANY = 1000000000 };
    const char *words = NULL;
    switch (id) {
    case OPTION_EMIT: words = "ast graph schedule loops llvm asm obj archive shared header dot"; break;
    case OPTION_OPTIMIZE: words = "0 1 2 3"; break;
    case OPTION_CPU_CHECK: words = "load none"; break;
    case OPTION_LINE_TABLES: words = "0 1 2 3"; break;
    case OPTION_DIAGNOSTICS: words = "text json"; break;
    case OPTION_COLOR: words = "auto always never"; break;
    case OPTION_NUMERICS: words = "exact default fast"; break;
    case OPTION_MAX_WEIGHTS:
        return option_bytes(value) >= 0 ? NULL : "a number of bytes, perhaps followed by K, M or G";
    case OPTION_DUMP_PHASES: return value[0] ? NULL : "a directory";
    case OPTION_CHANNELS: words = "rgb bgr"; break;
    case OPTION_THREADS:
        if (command != 'C') return is_whole(value, 1, 1024) ? NULL : "a number of threads, 1 to 1024";
        words = "none pool";
        break;
    case OPTION_ERROR_LIMIT: return is_whole(value, 1, MANY) ? NULL : "a whole number above 0";
    case OPTION_SEED: return is_whole(value, 0, MANY) ? NULL : "a whole number";
    case OPTION_RESIZE:
    case OPTION_CROP: return is_size(value) ? NULL : "pixels, as 224, or height and width, as 224x320";
    case OPTION_MEAN:
        return are_numbers(value, false) ? NULL : "one number, or three with commas between them";
    case OPTION_STD:
        return are_numbers(value, true) ? NULL : "one number above 0, or three with commas between them";
    case OPTION_PIXEL_LIMIT:
        return is_whole(value, 1, IMAGE_EXTENT_MAX) ? NULL : "a number of pixels, 1 to 1073741824";
    case OPTION_TOP: return top_parse(arena, value, &(Top){0}) ? NULL : "COUNT or NAME=COUNT, 1 to 1000000";
    case OPTION_SCALE:
    case OPTION_TOLERANCE:
    case OPTION_MIN_TIME:
    case OPTION_FLOPS: return is_positive(value) ? NULL : "a number above 0";
    case OPTION_PREFIX: return is_name(value) ? NULL : "a C name";
    case OPTION_PRINT_BEFORE:
    case OPTION_PRINT_AFTER: return passes_expected(arena, "a pass", &value, 1);
    case OPTION_PASSES:
    case OPTION_SKIP: {
        int count;
        const char **names = options_list(arena, value, &count);
        return passes_expected(arena, "passes", names, count);
    }
    }
    return !words || is_one_of(value, words) ? NULL : arena_printf(arena, "one of: %s", words);
}
