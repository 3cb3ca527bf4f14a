#include "support/sha256.h"

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_init(Sha256 *hash) {
    *hash = (Sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                               0x1f83d9ab, 0x5be0cd19}};
}

static uint32_t rotate_right(uint32_t word, int count) { return word >> count | word << (32 - count); }

static uint32_t load_big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void compress_portable(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_big_endian(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t first = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
        uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t second = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* The same with the SHA instructions, whose operands hold the words a b e f and c d g h. */
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_native(uint32_t state[8],
                                                                        const uint8_t *block) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i message[16];
    for (int i = 0; i < 4; i++)
        message[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), swap);
    for (int i = 4; i < 16; i++) {
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(message[i - 4], message[i - 3]),
                                    _mm_alignr_epi8(message[i - 1], message[i - 2], 4));
        message[i] = _mm_sha256msg2_epu32(sum, message[i - 1]);
    }
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    for (int i = 0; i < 16; i++) {
        __m128i words =
            _mm_add_epi32(message[i], _mm_loadu_si128((const __m128i *)(round_constants + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
    }
    low = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
    high = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

static int has_sha_instructions(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1 && __builtin_cpu_supports("sse4.1");
}

typedef void Compress(uint32_t state[8], const uint8_t *block);

void sha256_update(Sha256 *hash, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    Compress *compress = has_sha_instructions() ? compress_native : compress_portable;
    while (count) {
        size_t used = hash->length % 64, taken = 64 - used < count ? 64 - used : count;
        if (taken == 64) {
            compress(hash->state, next);
        } else {
            memcpy(hash->block + used, next, taken);
            if (used + taken == 64) compress(hash->state, hash->block);
        }
        hash->length += taken;
        next += taken;
        count -= taken;
    }
}

void sha256_finish(Sha256 *hash, uint8_t out_digest[SHA256_BYTES]) {
    uint8_t padding[72] = {0x80};
    uint64_t bits = hash->length * 8;
    size_t zeros = (119 - hash->length % 64) % 64 + 1;
    for (int i = 0; i < 8; i++) padding[zeros + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_update(hash, padding, zeros + 8);
    for (int i = 0; i < SHA256_BYTES; i++) out_digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - i % 4 * 8));
}

void sha256_finish_hex(Sha256 *hash, char out_text[SHA256_HEX_BYTES]) {
    uint8_t digest[SHA256_BYTES];
    sha256_finish(hash, digest);
    for (int i = 0; i < SHA256_BYTES; i++) {
        out_text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out_text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out_text[64] = 0;
}
