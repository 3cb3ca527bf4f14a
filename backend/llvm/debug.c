/* Line tables: one subprogram per function, whose lines are the places of the .tn file its statements came
 * from. */
#include "backend/llvm/emitter.h"

#include <string.h>

static LLVMMetadataRef file_of(Emitter *emitter, const char *path) {
    for (int i = 0; i < emitter->debug_files.count; i++)
        if (strcmp(emitter->debug_files.items[i].path, path) == 0) return emitter->debug_files.items[i].file;
    DebugFile known = {path, LLVMDIBuilderCreateFile(emitter->debug, path, strlen(path), ".", 1)};
    vector_push(emitter->arena, &emitter->debug_files, known);
    return known.file;
}

static void add_flag(Emitter *emitter, const char *name, unsigned value) {
    LLVMMetadataRef number = LLVMValueAsMetadata(LLVMConstInt(emitter->i32, value, false));
    LLVMAddModuleFlag(emitter->module, LLVMModuleFlagBehaviorWarning, name, strlen(name), number);
}

void debug_begin(Emitter *emitter) {
    if (!emitter->options->line_tables) return;
    emitter->debug = LLVMCreateDIBuilder(emitter->module);
    const char *producer = "tenon", *source = emitter->options->source_name;
    LLVMDIBuilderCreateCompileUnit(emitter->debug, LLVMDWARFSourceLanguageC11, file_of(emitter, source),
                                   producer, strlen(producer), true, "", 0, 0, "", 0,
                                   LLVMDWARFEmissionLineTablesOnly, 0, false, false, "", 0, "", 0);
    add_flag(emitter, "Debug Info Version", LLVMDebugMetadataVersion());
    add_flag(emitter, "Dwarf Version", 5);
}

void debug_function(Emitter *emitter, LLVMValueRef function, const char *name, Span span) {
    if (!emitter->debug) return;
    const char *path = span.file ? span.file->path : emitter->options->source_name;
    unsigned line = span.file ? (unsigned)source_locate(span.file, span.start).line : 1;
    LLVMMetadataRef file = file_of(emitter, path);
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(emitter->debug, file, NULL, 0, LLVMDIFlagZero);
    emitter->debug_scope = LLVMDIBuilderCreateFunction(emitter->debug, file, name, strlen(name), "", 0, file,
                                                       line, type, true, true, line, LLVMDIFlagZero, true);
    LLVMSetSubprogram(function, emitter->debug_scope);
    LLVMMetadataRef place =
        LLVMDIBuilderCreateDebugLocation(emitter->context, line, 0, emitter->debug_scope, NULL);
    LLVMSetCurrentDebugLocation2(emitter->builder, place);
}

void debug_place(Emitter *emitter, Span span) {
    if (!emitter->debug || !span.file) return;
    LineColumn at = source_locate(span.file, span.start);
    LLVMMetadataRef scope = LLVMDIBuilderCreateLexicalBlockFile(emitter->debug, emitter->debug_scope,
                                                                file_of(emitter, span.file->path), 0);
    LLVMSetCurrentDebugLocation2(emitter->builder,
                                 LLVMDIBuilderCreateDebugLocation(emitter->context, (unsigned)at.line,
                                                                  (unsigned)at.column, scope, NULL));
}

void debug_finish(Emitter *emitter) {
    if (!emitter->debug) return;
    LLVMDIBuilderFinalize(emitter->debug);
    LLVMDisposeDIBuilder(emitter->debug);
}
