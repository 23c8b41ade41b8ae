// Takes a fused projection apart into q, k and v, and puts gradients together again. 1 thread = 1 channel of a head.
// Linear: called once for the values and once for the tangents; a source that is null reads as zeros.

// Where part `part` (q, k, v) of channel `i` of all heads lies in a fused row.
DEVICE u64 place(u64 part, u64 i, u64 n_head, u64 d_head, int per_head) {
    u64 head = i / d_head;
    return (per_head ? head * 3 + part : part * n_head + head) * d_head + i % d_head;
}

// q, k, v (rows, H*D) from qkv (rows, 3*H*D)
KERNEL(split_heads)(float *q, float *k, float *v, const float *qkv, u64 rows, u64 n_head, u64 d_head, int per_head) {
    u64 width = n_head * d_head;
    for (u64 i = first_element(); i < rows * width; i += element_stride()) {
        u64 row = i / width * 3 * width, channel = i % width;
        q[i] = qkv ? qkv[row + place(0, channel, n_head, d_head, per_head)] : 0.0f;
        k[i] = qkv ? qkv[row + place(1, channel, n_head, d_head, per_head)] : 0.0f;
        v[i] = qkv ? qkv[row + place(2, channel, n_head, d_head, per_head)] : 0.0f;
    }
}

// The transpose of `split_heads`.
KERNEL(merge_heads)(float *qkv, const float *q, const float *k, const float *v, u64 rows, u64 n_head, u64 d_head,
                    int per_head) {
    u64 width = n_head * d_head;
    for (u64 i = first_element(); i < rows * width; i += element_stride()) {
        u64 row = i / width * 3 * width, channel = i % width;
        qkv[row + place(0, channel, n_head, d_head, per_head)] = q ? q[i] : 0.0f;
        qkv[row + place(1, channel, n_head, d_head, per_head)] = k ? k[i] : 0.0f;
        qkv[row + place(2, channel, n_head, d_head, per_head)] = v ? v[i] : 0.0f;
    }
}
