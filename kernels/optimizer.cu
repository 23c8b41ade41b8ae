// Steps of optimizers, and the element-wise operations around them. 1 thread = 1 element, or 4 for dropout.

// m += new_m (g - m), v = kept v + new_v g^2, w = keep w - rate m / (sqrt(v) / root + eps).
KERNEL(adam_w)
(float *w, float *m, float *v, const float *g, u64 n, float kept, float new_m, float new_v, float keep, float rate,
 float root, float eps) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        m[i] += new_m * (g[i] - m[i]);
        v[i] = kept * v[i] + new_v * (g[i] * g[i]);
        w[i] = keep * w[i] - rate * (m[i] / (sqrtf(v[i]) / root + eps));
    }
}

// d = g + decay w; with a running sum u (null = none): u = momentum u + d, d = d + momentum u or u; w -= rate d.
KERNEL(sgd)(float *w, float *u, const float *g, u64 n, float momentum, int nesterov, float decay, float rate) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        float d = g[i] + decay * w[i];
        if (u) {
            u[i] = momentum * u[i] + d;
            d = nesterov ? d + momentum * u[i] : u[i];
        }
        w[i] -= rate * d;
    }
}

// x *= factor. Once per plane.
KERNEL(scale)(float *x, u64 n, float factor) {
    for (u64 i = first_element(); i < n; i += element_stride()) x[i] *= factor;
}

// Philox4x32-10 (Salmon et al. 2011), as src/engine/rng.rs.
DEVICE void philox(u32 key0, u32 key1, u32 *c) {
    for (int round = 0; round < 10; round++) {
        if (round > 0) {
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        u64 p0 = (u64)0xD2511F53u * c[0], p1 = (u64)0xCD9E8D57u * c[2];
        c[0] = (u32)(p1 >> 32) ^ c[1] ^ key0;
        c[1] = (u32)p1;
        c[2] = (u32)(p0 >> 32) ^ c[3] ^ key1;
        c[3] = (u32)p0;
    }
}

// x becomes 0 where its word is below `threshold`, else x factor. Once per plane. key and prefix: halves of u64.
KERNEL(dropout)(float *x, u64 n, u64 key, u64 prefix, u64 threshold, float factor) {
    for (u64 quad = first_element(); 4 * quad < n; quad += element_stride()) {
        u32 words[4] = {(u32)quad, (u32)(quad >> 32), (u32)prefix, (u32)(prefix >> 32)};
        philox((u32)key, (u32)(key >> 32), words);
        for (u64 j = 0; j < 4 && 4 * quad + j < n; j++)
            x[4 * quad + j] = words[j] < threshold ? 0.0f : x[4 * quad + j] * factor;
    }
}
