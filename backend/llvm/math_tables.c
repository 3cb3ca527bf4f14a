#include "backend/llvm/math_internal.h"

/* Minimax polynomials, derived by scripts/math_tables.py, with their errors relative to the function they
 * make up. ln2_high has 15 and 41 significant bits. */

const MathTable math_table_f32 = {
    .bits = 32,
    .fraction_bits = 23,
    .bias = 127,
    .log2_e = 0x1.715476p+0,
    .ln2_high = 0x1.62e4p-1,
    .ln2_low = 0x1.7f7d1cp-20,
    .exp_low = -104,
    .exp_high = 89,
    .one_high = 18,
    /* relative error 2^-26.1 */
    .exp = {5, {0x1.fffffep-2, 0x1.5554aap-3, 0x1.55579ep-5, 0x1.122c82p-7, 0x1.6ab1dep-10}},
    /* relative error 2^-27.7 */
    .log = {8,
            {0x1.555506p-2, -0x1.fffedep-3, 0x1.99d088p-3, -0x1.55a192p-3, 0x1.1ecf8cp-3, -0x1.f29a82p-4,
             0x1.1e91aep-3, -0x1.09257p-3}},
    .erf_split = 1.09375,
    .erf_high = 3.96875,
    .erf_center = 1.5,
    /* relative error 2^-27.8 */
    .erf_small = {7,
                  {0x1.06eba8p-3, -0x1.812734p-2, 0x1.ce2ab4p-4, -0x1.b7cf46p-6, 0x1.52b872p-8, -0x1.9a98p-11,
                   0x1.306bbep-14}},
    /* relative error 2^-27.6 */
    .erf_large = {10,
                  {0x1.b75f7ep-2, -0x1.816b0ap-2, 0x1.1bfafp-4, 0x1.0df734p-5, -0x1.99d6c6p-7,
                   -0x1.a48bc4p-10, 0x1.5004ecp-10, -0x1.fb970ep-15, -0x1.12e03ep-14, 0x1.8aeadap-17}},
    .erf_squarings = 2,
};

const MathTable math_table_f64 = {
    .bits = 64,
    .fraction_bits = 52,
    .bias = 1023,
    .log2_e = 0x1.71547652b82fep+0,
    .ln2_high = 0x1.62e42fefa4p-1,
    .ln2_low = -0x1.8432a1b0e2634p-43,
    .exp_low = -746,
    .exp_high = 710,
    .one_high = 38,
    /* relative error 2^-54.7 */
    .exp = {10,
            {0x1.0000000000005p-1, 0x1.5555555555539p-3, 0x1.55555555522b7p-5, 0x1.1111111118fabp-7,
             0x1.6c16c17edbba5p-10, 0x1.a01a01751407p-13, 0x1.a019a76f0ad33p-16, 0x1.71de88090ffaap-19,
             0x1.28a1e039aa604p-22, 0x1.ae6ba43621f23p-26}},
    /* relative error 2^-56.5 */
    .log = {19,
            {0x1.5555555555543p-2, -0x1.0000000000962p-2, 0x1.999999999e69dp-3, -0x1.555555540ccep-3,
             0x1.249249216aa8dp-3, -0x1.000000859d1ap-3, 0x1.c71c73bc54347p-4, -0x1.9999620a7912dp-4,
             0x1.745cc007eb9b8p-4, -0x1.555c078d9ca4cp-4, 0x1.3b1ceefc5bbbep-4, -0x1.2413d25b2d00ep-4,
             0x1.107313e0a75e4p-4, -0x1.05c4f634c8568p-4, 0x1.ef301f1b8378cp-5, -0x1.76af0c288b94bp-5,
             0x1.586851ad6f4dap-5, -0x1.61405c4347251p-4, 0x1.5a14045c3f24ep-4}},
    .erf_split = 1.125,
    .erf_high = 5.96875,
    .erf_center = 1.125,
    /* relative error 2^-56.0 */
    .erf_small = {13,
                  {0x1.06eba8214db68p-3, -0x1.812746b0379b8p-2, 0x1.ce2f21a041341p-4, -0x1.b82ce31229583p-6,
                   0x1.565bcd01eca7bp-8, -0x1.c02db20b0d1ddp-11, 0x1.f9a2f4bca941ep-14,
                   -0x1.f4cf00e3bff54p-17, 0x1.b9bfa7b8d1a55p-20, -0x1.5e3b9528230d5p-23,
                   0x1.ef8fce88d3d31p-27, -0x1.2312e4eb39d0fp-30, 0x1.a7da155b2e02dp-35}},
    /* relative error 2^-55.7 */
    .erf_large = {19,
                  {0x1.85412ae25d9fep-1, -0x1.15804d5e92a6p-2, -0x1.1022382cd8219p-5, 0x1.44af7e5207f71p-6,
                   0x1.d5e5b6ffe75d5p-10, -0x1.53d74c4074131p-10, 0x1.2083d76c7ea44p-16,
                   0x1.843d9d710cb1cp-15, -0x1.37d7565db0903p-18, -0x1.ac4a8e5617428p-23,
                   -0x1.63fe4ac86c98cp-24, 0x1.5a63e649f74f6p-26, 0x1.b8f0f85ada8c3p-27,
                   -0x1.f676b756f69fbp-28, 0x1.1b52393c63d37p-29, -0x1.b88707f88c98ap-32,
                   0x1.dbae64bc0dfbcp-35, -0x1.3dc3607e8769fp-38, 0x1.86f9c526e05c4p-43}},
    .erf_squarings = 3,
};

const MathTable math_table_f64_for_f32 = {
    .bits = 64,
    .fraction_bits = 52,
    .bias = 1023,
    .log2_e = 0x1.71547652b82fep+0,
    .ln2_high = 0x1.62e42fefa4p-1,
    .ln2_low = -0x1.8432a1b0e2634p-43,
    .exp_low = -746,
    .exp_high = 710,
    .one_high = 38,
    /* relative error 2^-32.0 */
    .exp = {6,
            {0x1.00000025ef398p-1, 0x1.555554ef83858p-3, 0x1.5554b12ff151ap-5, 0x1.1111897793238p-7,
             0x1.6d71f6a848523p-10, 0x1.a032a8fd36fadp-13}},
    /* relative error 2^-38.4 */
    .log = {12,
            {0x1.5555553d43985p-2, -0x1.ffffff91ab361p-3, 0x1.9999bb3b6d083p-3, -0x1.55558e43eac5bp-3,
             0x1.248a9d601703ep-3, -0x1.ffea9b07ea8a6p-4, 0x1.c8b2cbe23c21fp-4, -0x1.9b87f75c34902p-4,
             0x1.5f780f5406294p-4, -0x1.3e641d4e7e1aep-4, 0x1.bd7cd5467969bp-4, -0x1.a87ede20f73a3p-4}},
};
