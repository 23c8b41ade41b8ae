// Kernels with mistakes in them, which the shim must catch.

// Half of the threads do not reach the barrier that the others wait at.
KERNEL(divergent_barrier)(float *x) {
    if (threadIdx.x < THREADS / 2) __syncthreads();
    else x[threadIdx.x] = from_lane(x[threadIdx.x], 0);
    if (threadIdx.x < THREADS / 2) __syncthreads();
}

// The last lanes of a warp have left when the others exchange numbers.
KERNEL(exited_lanes)(float *x) {
    if (lane() >= WARP / 2) return;
    x[threadIdx.x] = from_lane(x[threadIdx.x], 0);
}

// Reads shared memory that nothing was written to in this block.
KERNEL(stale_shared)(float *x) {
    SHARED(float, numbers, [THREADS]);
    float found = numbers[threadIdx.x];
    __syncthreads();
    numbers[threadIdx.x] = 1.0f;
    x[blockIdx.x * THREADS + threadIdx.x] = found;
}

// Two threads write one shared number without a barrier; which is read depends on the order of the threads.
KERNEL(race)(float *x) {
    SHARED(float, number, [1]);
    number[0] = (float)threadIdx.x;
    __syncthreads();
    x[threadIdx.x] = number[0];
}

// Writes past the end of a buffer of n numbers.
KERNEL(out_of_bounds)(float *x, u64 n) {
    if (threadIdx.x == 0) x[n] = 1.0f;
}
