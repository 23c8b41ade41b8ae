// Sums over rows and over everything, each in one order; plain copies.

// Rows of a partial sum.
#define SUM_ROWS 64
// Numbers of a block of `dot`.
#define DOT_BLOCK 32768

// x = value. 1 thread = 1 element.
KERNEL(fill)(float *x, float value, u64 n) {
    for (u64 i = first_element(); i < n; i += element_stride()) x[i] = value;
}

// Rows of `src` into `dst`. 1 thread = 1 element.
KERNEL(copy2d)(float *dst, u64 dst_ld, const float *src, u64 src_ld, u64 rows, u64 cols) {
    for (u64 i = first_element(); i < rows * cols; i += element_stride()) {
        dst[i / cols * dst_ld + i % cols] = src[i / cols * src_ld + i % cols];
    }
}

// parts (ceil(rows/64),C) = sums of 64 rows of x (rows,C). 1 thread = 1 column of a part.
KERNEL(column_parts)(float *parts, const float *x, u64 rows, u64 c) {
    u64 n = (rows + SUM_ROWS - 1) / SUM_ROWS * c;
    for (u64 i = first_element(); i < n; i += element_stride()) {
        u64 start = i / c * SUM_ROWS, column = i % c;
        u64 end = start + SUM_ROWS < rows ? start + SUM_ROWS : rows;
        float sum = 0.0f;
        for (u64 row = start; row < end; row++) sum += x[row * c + column];
        parts[i] = sum;
    }
}

// db (C) += the rows of parts (rows,C), in order. 1 thread = 1 column.
KERNEL(add_parts)(float *db, const float *parts, u64 rows, u64 c) {
    for (u64 column = first_element(); column < c; column += element_stride()) {
        float total = db[column];
        for (u64 row = 0; row < rows; row++) total += parts[row * c + column];
        db[column] = total;
    }
}

// out[b] = sum of x*y over block b of 32768 numbers, in f64. 1 block = 1 partial sum.
KERNEL(dot)(double *out, const float *x, const float *y, u64 n) {
    u64 start = (u64)blockIdx.x * DOT_BLOCK;
    u64 end = start + DOT_BLOCK < n ? start + DOT_BLOCK : n;
    double sum = 0.0;
    for (u64 i = start + threadIdx.x; i < end; i += THREADS) sum = fma((double)x[i], (double)y[i], sum);
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
