// Products of small matrices on tensor cores, a warp at a time: c (16,8) += a (16, 8 words) * b (8 words, 8). A word
// holds two bf16 or one tf32 of the sum's index. Put between the prelude and the file.
//
// Lane l has g = l/4 and t = l%4. Of a it has words t and t+4 of rows g and g+8: {(g,t), (g+8,t), (g,t+4), (g+8,t+4)}; of
// b words t and t+4 of column g; of c {(g,2t), (g,2t+1), (g+8,2t), (g+8,2t+1)}. (PTX ISA, mma.m16n8k16 and m16n8k8.)

// Words of the sum's index of one product.
#define STEP 8

struct Bf16 {
    static constexpr u32 NUMBERS = 2;
};
struct Tf32 {
    static constexpr u32 NUMBERS = 1;
};

// Rounded to 7 bits after the first, ties to even; the upper half of the number. NaN stays NaN.
DEVICE u32 bf16_bits(float x) {
    u32 bits = (u32)__float_as_int(x);
    if (x != x) return bits >> 16 | 0x40u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

// Rounded to 10 bits after the first, ties away from zero.
DEVICE u32 tf32_bits(float x) {
    u32 bits = (u32)__float_as_int(x);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
}

DEVICE u32 group_of_lane() { return lane() / 4; }
DEVICE u32 place_in_group() { return lane() % 4; }

// c += a * b, sums in f32.
DEVICE void multiply(Bf16, float c[4], const u32 a[4], const u32 b[2]) {
#if defined(MEMOSCOPE_SHIM)
    shim::multiply<2>(c, a, b);
#elif __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm volatile("trap;"); // the host does not start these kernels on older cards
#endif
}
DEVICE void multiply(Tf32, float c[4], const u32 a[4], const u32 b[2]) {
#if defined(MEMOSCOPE_SHIM)
    shim::multiply<1>(c, a, b);
#elif __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm volatile("trap;");
#endif
}

// The word of numbers 0 (and 1) of an index, which f gives.
template <class F> DEVICE u32 word_of(Bf16, F f) { return bf16_bits(f(0)) | bf16_bits(f(1)) << 16; }
template <class F> DEVICE u32 word_of(Tf32, F f) { return tf32_bits(f(0)); }

// Results of one product as the left side of the next: columns become the sum's index. `c` has the tiles of 8 columns
// that one step takes: two for bf16, one for tf32. Tf32 takes even columns first, see `row_of_word`.
DEVICE void as_left(Bf16, u32 a[4], const float c[][4]) {
    for (u32 i = 0; i < 4; i++) a[i] = bf16_bits(c[i / 2][i % 2 * 2]) | bf16_bits(c[i / 2][i % 2 * 2 + 1]) << 16;
}
DEVICE void as_left(Tf32, u32 a[4], const float c[][4]) {
    for (u32 i = 0; i < 4; i++) a[i] = tf32_bits(c[0][i % 2 * 2 + i / 2]);
}

// The first row whose number lies in word `word` of a right side that meets `as_left`.
DEVICE u32 row_of_word(Bf16, u32 word) { return 2 * word; }
DEVICE u32 row_of_word(Tf32, u32 word) { return word / STEP * STEP + word % 4 * 2 + word % STEP / 4; }
