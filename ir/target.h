/* What passes and backend must know of a machine. A record, not a driver: kernels and schedules follow from
 * its numbers. */
#ifndef TENON_IR_TARGET_H
#define TENON_IR_TARGET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct TargetInfo {
    const char *name;     /* "x86-64-v3"; what -march named, "native" spelled out */
    const char *cpu;      /* the CPU name given to LLVM */
    const char *features; /* LLVM's feature string; "" */
    const char *tune;     /* the CPU that instructions are chosen and ordered for; NULL: |cpu| */
    int level;            /* x86-64 micro-architecture level, 1 to 4: what the CPU check tests */
    int register_count;   /* vector registers */
    int register_bytes;
    bool has_fma;
    int64_t l1_bytes, l2_bytes; /* data caches of one core */
} TargetInfo;

static inline int target_lanes(const TargetInfo *target) { return target->register_bytes / 4; }

#endif
