#include "backend/header_internal.h"

#include <ctype.h>
#include <string.h>

enum { WORD_BYTES_MAX = 24 };

/* What a name must not be: words of C11 and C++20, macros that programs meet, types of the ABI's includes. */
static const char reserved_words[][WORD_BYTES_MAX] = {"I",
                                                      "NULL",
                                                      "alignas",
                                                      "alignof",
                                                      "and",
                                                      "and_eq",
                                                      "asm",
                                                      "assert",
                                                      "auto",
                                                      "bitand",
                                                      "bitor",
                                                      "bool",
                                                      "break",
                                                      "case",
                                                      "catch",
                                                      "char",
                                                      "char16_t",
                                                      "char32_t",
                                                      "char8_t",
                                                      "class",
                                                      "co_await",
                                                      "co_return",
                                                      "co_yield",
                                                      "compl",
                                                      "complex",
                                                      "concept",
                                                      "const",
                                                      "const_cast",
                                                      "consteval",
                                                      "constexpr",
                                                      "constinit",
                                                      "continue",
                                                      "decltype",
                                                      "default",
                                                      "delete",
                                                      "do",
                                                      "double",
                                                      "dynamic_cast",
                                                      "else",
                                                      "enum",
                                                      "errno",
                                                      "explicit",
                                                      "export",
                                                      "extern",
                                                      "false",
                                                      "float",
                                                      "for",
                                                      "friend",
                                                      "goto",
                                                      "i386",
                                                      "if",
                                                      "imaginary",
                                                      "inline",
                                                      "int",
                                                      "linux",
                                                      "long",
                                                      "main",
                                                      "max_align_t",
                                                      "mutable",
                                                      "namespace",
                                                      "new",
                                                      "noexcept",
                                                      "noreturn",
                                                      "not",
                                                      "not_eq",
                                                      "nullptr",
                                                      "nullptr_t",
                                                      "offsetof",
                                                      "operator",
                                                      "or",
                                                      "or_eq",
                                                      "private",
                                                      "protected",
                                                      "ptrdiff_t",
                                                      "public",
                                                      "register",
                                                      "reinterpret_cast",
                                                      "requires",
                                                      "restrict",
                                                      "return",
                                                      "short",
                                                      "signed",
                                                      "sizeof",
                                                      "size_t",
                                                      "static",
                                                      "static_assert",
                                                      "static_cast",
                                                      "stderr",
                                                      "stdin",
                                                      "stdout",
                                                      "struct",
                                                      "switch",
                                                      "template",
                                                      "this",
                                                      "thread_local",
                                                      "throw",
                                                      "true",
                                                      "try",
                                                      "typedef",
                                                      "typeid",
                                                      "typename",
                                                      "typeof",
                                                      "union",
                                                      "unix",
                                                      "unsigned",
                                                      "using",
                                                      "virtual",
                                                      "void",
                                                      "volatile",
                                                      "wchar_t",
                                                      "while",
                                                      "xor",
                                                      "xor_eq"};

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < sizeof reserved_words / sizeof *reserved_words; i++)
        if (strcmp(reserved_words[i], name) == 0) return true;
    bool standard_type = (starts_with(name, "int") || starts_with(name, "uint")) && ends_with(name, "_t");
    bool standard_macro = ends_with(name, "_MAX") || ends_with(name, "_MIN") || ends_with(name, "INT_C");
    bool implementation = name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
    return standard_type || standard_macro || implementation || starts_with(name, "tenon_") ||
           starts_with(name, "TENON_");
}

static bool is_identifier(const char *name) {
    if (!*name || isdigit((unsigned char)*name)) return false;
    for (; *name; name++)
        if (*name != '_' && !(isascii((unsigned char)*name) && isalnum((unsigned char)*name))) return false;
    return true;
}

bool header_name_usable(const char *name) { return is_identifier(name) && !is_reserved(name); }

bool names_contain(const Names *names, const char *name) {
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) return true;
    return false;
}

const char *names_add_unique(Arena *arena, Names *names, const char *name) {
    const char *unique = name;
    for (int i = 2; names_contain(names, unique); i++) unique = arena_printf(arena, "%s_%d", name, i);
    vector_push(arena, names, unique);
    return unique;
}

char *identifier_part(Arena *arena, const char *name) {
    char *part = arena_strdup(arena, name);
    for (char *c = part; *c; c++)
        if (!isascii((unsigned char)*c) || !isalnum((unsigned char)*c)) *c = '_';
    return part;
}

char *identifier_in_capitals(Arena *arena, const char *name) {
    char *capitals = identifier_part(arena, name);
    for (char *c = capitals; *c; c++) *c = (char)toupper((unsigned char)*c);
    return capitals;
}

const char *identifier_for_parameter(Arena *arena, const char *name) {
    const char *part = identifier_part(arena, name);
    if (!is_identifier(part)) part = arena_printf(arena, "x%s", part);
    return is_reserved(part) ? arena_printf(arena, "%s_", part) : part;
}
