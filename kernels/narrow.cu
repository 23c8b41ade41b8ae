// Numbers for tensor cores: bf16, rounded to the nearest, ties to even.

// The upper half of a number, rounded; NaN stays NaN.
DEVICE unsigned short to_bf16(float x) {
    u32 bits = (u32)__float_as_int(x);
    if (x != x) return (unsigned short)(bits >> 16 | 0x40u);
    return (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// dst (rows, dst_ld) = src (rows, cols); zeros between a row's end and the next. 1 thread = 1 element of dst.
KERNEL(narrow)(unsigned short *dst, u64 dst_ld, const float *src, u64 src_ld, u64 rows, u64 cols) {
    for (u64 i = first_element(); i < rows * dst_ld; i += element_stride()) {
        u64 row = i / dst_ld, column = i % dst_ld;
        dst[i] = column < cols ? to_bf16(src[row * src_ld + column]) : (unsigned short)0;
    }
}
