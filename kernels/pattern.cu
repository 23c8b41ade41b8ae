// Attention in steps, for those who want to see or edit the weights (H, T, S) of one sequence: the weights, and the
// gradient through their softmax. The products between them are those of linear.cu, head by head.
// Without an edit the weights have the bits of the fused pass; see attention_tiles.cuh for the tiles.

// p (H, T, S) of the one span; unseen keys get 0. Grid (ceil(T/32), heads): 1 block = 32 queries, all keys.
template <class S>
DEVICE void all_weights(Target<S> p, RowStats *stats, Source<S> q, Source<S> k, const Span *span, Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    Head head(*span, spec, blockIdx.y);
    u64 query0 = (u64)blockIdx.x * SIDE;
    if (query0 >= head.queries) return;
    for (u64 key0 = 0; key0 < head.keys; key0 += SIDE) {
        S tile[ROWS];
        row_products(tile, &left, &right, head, spec.d_head, q, query0, k, key0);
        to_weights(tile, head, stats, query0, key0, spec.scale);
        for (u32 i = 0; i < ROWS; i++) {
            u64 query = query0 + warp() + 8 * i, key = key0 + lane();
            if (query < head.queries && key < head.keys) {
                p.put((blockIdx.y * head.queries + query) * head.keys + key, tile[i]);
            }
        }
    }
}

DEVICE float gradient_at(float p, float dp, float mean, float scale) {
    return score_gradient(p, dp, mean, 0.0f, scale);
}
DEVICE Dual gradient_at(Dual p, Dual dp, Dual mean, float scale) {
    return score_gradient(p, dp, mean.v, mean.t, scale);
}

// ds (H, t, s) from dp and the unedited weights p; ds may be dp. 1 warp = 1 row.
template <class S>
DEVICE void score_gradients(Target<S> ds, Source<S> dp, Source<S> p, u64 n_head, u64 t, u64 s, float scale, u64 window) {
    u64 row = warp_row();
    if (row >= n_head * t) return;
    u64 end = s - t + row % t + 1, start = window > 0 && end > window ? end - window : 0;
    u64 at = row * s;
    S mean = row_sum<S>(s, [&](u64 i) {
        return i >= start && i < end ? p.at(at + i) * dp.at(at + i) : lift<S>(0.0f);
    });
    for (u64 i = lane(); i < s; i += WARP) {
        bool seen = i >= start && i < end;
        S mine = seen ? gradient_at(p.at(at + i), dp.at(at + i), mean, scale) : lift<S>(0.0f);
        ds.put(at + i, mine);
    }
}

#define SPEC u64 n_head, u64 n_kv_head, u64 d_head, float scale, u64 window

#define PATTERN(S, suffix)                                                                                             \
    KERNEL(pattern##suffix)(float *p, float *p_t, RowStats *stats, const float *q, const float *q_t, const float *k,   \
                            const float *k_t, const Span *span, SPEC) {                                                \
        all_weights<S>({p, p_t}, stats, {q, q_t}, {k, k_t}, span, {n_head, n_kv_head, d_head, scale, window});         \
    }                                                                                                                  \
    KERNEL(pattern_score_gradient##suffix)(float *ds, float *ds_t, const float *dp, const float *dp_t, const float *p, \
                                           const float *p_t, u64 n_head, u64 t, u64 s, float scale, u64 window) {      \
        score_gradients<S>({ds, ds_t}, {dp, dp_t}, {p, p_t}, n_head, t, s, scale, window);                             \
    }

PATTERN(float, )
PATTERN(Dual, _dual)
