/* SHA-256 (FIPS 180-4), streaming: init, any number of updates, finish. Never fails, allocates nothing. */
#ifndef TENON_SUPPORT_SHA256_H
#define TENON_SUPPORT_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_HEX_BYTES = 65 };

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes taken so far */
    uint8_t block[64];
} Sha256;

void sha256_init(Sha256 *hash);
void sha256_update(Sha256 *hash, const void *bytes, size_t count);
void sha256_finish(Sha256 *hash, uint8_t out_digest[SHA256_BYTES]);
/* Finishes; lower-case digits and a NUL. */
void sha256_finish_hex(Sha256 *hash, char out_text[SHA256_HEX_BYTES]);

#endif
