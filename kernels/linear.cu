// Products with one order of summation: element (i, j) is a sum over blocks of 256 steps, in order, of a chain of
// fused multiply-adds over the steps of the block, in order, starting at 0. So a row has the same bits in every batch.
//
// Grid (ceil(n/64), ceil(m/64)), 256 threads: a tile of 64 by 64, 4 by 4 elements a thread.

#define TILE 64
#define STEPS 16
#define CHAIN 256
#define PART 4

// Numbers of `matrix` (row stride `row_step`, step stride `k_step`) for 64 rows and 16 steps; 0 outside.
DEVICE void load_steps(float tile[STEPS][TILE + 1], const float *matrix, u64 row0, u64 rows, u64 row_step, u64 k0,
                       u64 k, u64 k_step) {
    for (u32 e = threadIdx.x; e < TILE * STEPS; e += THREADS) {
        // neighbors in memory go to neighboring threads
        u32 row = k_step == 1 ? e / STEPS : e % TILE;
        u32 step = k_step == 1 ? e % STEPS : e / TILE;
        bool inside = row0 + row < rows && k0 + step < k;
        tile[step][row] = inside ? matrix[(row0 + row) * row_step + (k0 + step) * k_step] : 0.0f;
    }
}

// c[i*c_i + j] = start + sum over k of a[i*a_i + k*a_k] * b[j*b_j + k*b_k];
// start: 0 zero, 1 bias[j], 2 what is there.
KERNEL(gemm)(float *c, const float *a, const float *b, const float *bias, u64 m, u64 n, u64 k, u64 a_i, u64 a_k, u64 b_j,
             u64 b_k, u64 c_i, int start) {
    SHARED(float, left, [STEPS][TILE + 1]);
    SHARED(float, right, [STEPS][TILE + 1]);
    u64 row0 = (u64)blockIdx.y * TILE, column0 = (u64)blockIdx.x * TILE;
    u32 row = threadIdx.x / STEPS, column = threadIdx.x % STEPS; // and every 16th after them
    float total[PART][PART], chain[PART][PART];
    for (u32 i = 0; i < PART; i++) {
        for (u32 j = 0; j < PART; j++) {
            u64 y = row0 + row + 16 * i, x = column0 + column + 16 * j;
            bool inside = y < m && x < n;
            total[i][j] = !inside || start == 0 ? 0.0f : start == 1 ? bias[x] : c[y * c_i + x];
            chain[i][j] = 0.0f;
        }
    }
    for (u64 k0 = 0; k0 < k; k0 += STEPS) {
        load_steps(left, a, row0, m, a_i, k0, k, a_k);
        load_steps(right, b, column0, n, b_j, k0, k, b_k);
        __syncthreads();
        for (u32 step = 0; step < STEPS; step++) {
            for (u32 i = 0; i < PART; i++) {
                for (u32 j = 0; j < PART; j++) {
                    chain[i][j] = fmaf(left[step][row + 16 * i], right[step][column + 16 * j], chain[i][j]);
                }
            }
        }
        __syncthreads();
        if ((k0 + STEPS) % CHAIN == 0 || k0 + STEPS >= k) {
            for (u32 i = 0; i < PART; i++) {
                for (u32 j = 0; j < PART; j++) {
                    total[i][j] = chain[i][j] + total[i][j];
                    chain[i][j] = 0.0f;
                }
            }
        }
    }
    for (u32 i = 0; i < PART; i++) {
        for (u32 j = 0; j < PART; j++) {
            u64 y = row0 + row + 16 * i, x = column0 + column + 16 * j;
            if (y < m && x < n) c[y * c_i + x] = total[i][j];
        }
    }
}
