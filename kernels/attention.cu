// Causal attention over packed sequences, forward and backward; see attention_tiles.cuh for the tiles.
//
// Grid (ceil(longest sequence/32), heads, sequences), 256 threads; blocks past a sequence's end do nothing. Weights
// are computed from scores wherever they are needed, after a first pass has found each row's maximum and sum.

// This lane's part of a row's softmax, while its maximum is not yet known.
template <class S> struct Running {
    float top, sum, tangent;
};

DEVICE float tangent_of(float) { return 0.0f; }
DEVICE float tangent_of(Dual x) { return x.t; }

template <class S> DEVICE void take(Running<S> *r, S score, float scale) {
    float scaled = value_of(score) * scale;
    float top = larger(r->top, scaled);
    if (top > r->top) {
        float shrink = exponential(r->top - top);
        r->sum *= shrink;
        r->tangent *= shrink;
        r->top = top;
    }
    float e = exponential(scaled - top);
    r->sum += e;
    r->tangent += e * tangent_of(score);
}

// stats of the 32 queries from query0 on: maximum, 1/sum, mean of the scores' tangents.
template <class S>
DEVICE void softmax_stats(RowStats *stats, Source<S> q, Source<S> k, const Span *spans, Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 query0 = (u64)blockIdx.x * SIDE;
    if (query0 >= head.queries) return;
    Running<S> running[ROWS];
    for (u32 i = 0; i < ROWS; i++) running[i] = Running<S>{-infinity(), 0.0f, 0.0f};
    for (u64 key0 = head.first_key(query0); key0 < head.end_key(query0); key0 += SIDE) {
        S tile[ROWS];
        row_products(tile, &left, &right, head, spec.d_head, q, query0, k, key0);
        for (u32 i = 0; i < ROWS; i++) {
            if (head.sees(query0 + warp() + 8 * i, key0 + lane())) take(&running[i], tile[i], spec.scale);
        }
    }
    for (u32 i = 0; i < ROWS; i++) {
        float top = warp_max(running[i].top);
        // a lane that saw nothing adds nothing
        float shrink = running[i].sum == 0.0f ? 0.0f : exponential(running[i].top - top);
        float sum = warp_sum(running[i].sum * shrink);
        float tangent = warp_sum(running[i].tangent * shrink);
        u64 query = query0 + warp() + 8 * i;
        if (lane() != 0 || query >= head.queries) continue;
        RowStats *row = head.stats(stats, query);
        row->top = top;
        row->factor = 1.0f / sum;
        row->tangent_mean = tangent * (1.0f / sum);
    }
}

// z = weights times values
template <class S>
DEVICE void forward(Target<S> z, RowStats *stats, Source<S> q, Source<S> k, Source<S> v, const Span *spans, Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 query0 = (u64)blockIdx.x * SIDE;
    if (query0 >= head.queries) return;
    Sums<S> sums;
    sums.clear();
    bool fresh = true;
    for (u64 key0 = head.first_key(query0); key0 < head.end_key(query0); key0 += SIDE) {
        S tile[ROWS];
        row_products(tile, &left, &right, head, spec.d_head, q, query0, k, key0);
        to_weights(tile, head, stats, query0, key0, spec.scale);
        add_rows<S, false>(&sums, &left, tile, &right, v, head.kv_at, head.kv_ld, key0, head.keys, spec.d_head);
        if ((key0 + SIDE) % KEY_CHAIN == 0 || key0 + SIDE >= head.end_key(query0)) {
            flush(&sums, z, head.q_at, head.q_ld, query0, head.queries, spec.d_head, fresh);
            fresh = false;
        }
    }
}

DEVICE void put_gradient_mean(RowStats *row, float mean) { row->gradient_mean = mean; }
DEVICE void put_gradient_mean(RowStats *row, Dual mean) {
    row->gradient_mean = mean.v;
    row->gradient_mean_t = mean.t;
}

// stats: the sum of weights times their gradients, of each row.
template <class S>
DEVICE void backward_stats(RowStats *stats, Source<S> dz, Source<S> q, Source<S> k, Source<S> v, const Span *spans,
                           Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 query0 = (u64)blockIdx.x * SIDE;
    if (query0 >= head.queries) return;
    S mean[ROWS];
    for (u32 i = 0; i < ROWS; i++) mean[i] = lift<S>(0.0f);
    for (u64 key0 = head.first_key(query0); key0 < head.end_key(query0); key0 += SIDE) {
        S weights[ROWS], gradients[ROWS];
        row_products(weights, &left, &right, head, spec.d_head, q, query0, k, key0);
        to_weights(weights, head, stats, query0, key0, spec.scale);
        row_products(gradients, &left, &right, head, spec.d_head, dz, query0, v, key0);
        for (u32 i = 0; i < ROWS; i++) {
            if (head.sees(query0 + warp() + 8 * i, key0 + lane())) mean[i] = mean[i] + weights[i] * gradients[i];
        }
    }
    for (u32 i = 0; i < ROWS; i++) {
        S total = warp_sum(mean[i]);
        u64 query = query0 + warp() + 8 * i;
        if (lane() == 0 && query < head.queries) put_gradient_mean(head.stats(stats, query), total);
    }
}

// The gradient of the scores of a tile.
template <class S>
DEVICE void gradient_tile(S gradients[ROWS], Patch<S> *left, Patch<S> *right, const Head &head, RowStats *stats,
                          Source<S> dz, Source<S> q, Source<S> k, Source<S> v, u64 query0, u64 key0, Spec spec) {
    S weights[ROWS];
    row_products(weights, left, right, head, spec.d_head, q, query0, k, key0);
    to_weights(weights, head, stats, query0, key0, spec.scale);
    row_products(gradients, left, right, head, spec.d_head, dz, query0, v, key0);
    to_score_gradients(gradients, weights, head, stats, query0, key0, spec.scale);
}

// dq += gradients of scores times keys
template <class S>
DEVICE void backward_q(Target<S> dq, RowStats *stats, Source<S> dz, Source<S> q, Source<S> k, Source<S> v,
                       const Span *spans, Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 query0 = (u64)blockIdx.x * SIDE;
    if (query0 >= head.queries) return;
    Sums<S> sums;
    sums.clear();
    for (u64 key0 = head.first_key(query0); key0 < head.end_key(query0); key0 += SIDE) {
        S tile[ROWS];
        gradient_tile(tile, &left, &right, head, stats, dz, q, k, v, query0, key0, spec);
        add_rows<S, false>(&sums, &left, tile, &right, k, head.kv_at, head.kv_ld, key0, head.keys, spec.d_head);
        if ((key0 + SIDE) % KEY_CHAIN == 0 || key0 + SIDE >= head.end_key(query0)) {
            flush(&sums, dq, head.q_at, head.q_ld, query0, head.queries, spec.d_head, false);
        }
    }
}

// Whether a query of the tile at `query0` sees a key of the tile at `key0`.
DEVICE bool touches(const Head &head, u64 query0, u64 key0) {
    return key0 < head.end_key(query0) && key0 + SIDE > head.seen_start(query0);
}

// dk += gradients of scores times queries (KEYS), or dv += weights times dz; blockIdx.y is a key/value head, whose
// query heads are added in order.
template <class S, bool KEYS>
DEVICE void backward_keys(Target<S> out, RowStats *stats, Source<S> dz, Source<S> q, Source<S> k, Source<S> v,
                          const Span *spans, Spec spec) {
    SHARED(Patch<S>, left, );
    SHARED(Patch<S>, right, );
    u64 group = spec.n_head / spec.n_kv_head, key0 = (u64)blockIdx.x * SIDE;
    Span span = spans[blockIdx.z];
    if (key0 >= span.kv_end - span.kv_start) return;
    Sums<S> sums;
    sums.clear();
    bool pending = false;
    for (u64 member = 0; member < group; member++) {
        Head head(span, spec, blockIdx.y * group + member);
        for (u64 query0 = 0; query0 < head.queries; query0 += SIDE) {
            if (touches(head, query0, key0)) {
                S tile[ROWS];
                if (KEYS) {
                    gradient_tile(tile, &left, &right, head, stats, dz, q, k, v, query0, key0, spec);
                } else {
                    row_products(tile, &left, &right, head, spec.d_head, q, query0, k, key0);
                    to_weights(tile, head, stats, query0, key0, spec.scale);
                }
                add_rows<S, true>(&sums, &left, tile, &right, KEYS ? q : dz, head.q_at, head.q_ld, query0,
                                  head.queries, spec.d_head);
                pending = true;
            }
            bool ends = (query0 + SIDE) % QUERY_CHAIN == 0 || query0 + SIDE >= head.queries;
            if (pending && ends) {
                pending = false;
                flush(&sums, out, head.kv_at, head.kv_ld, key0, head.keys, spec.d_head, false);
            }
        }
    }
}

#define SPEC u64 n_head, u64 n_kv_head, u64 d_head, float scale, u64 window
#define SPEC_VALUE {n_head, n_kv_head, d_head, scale, window}
#define INPUT(x) const float *x, const float *x##_t
#define PLANES(x) {x, x##_t}

#define ATTENTION(S, suffix)                                                                                           \
    KERNEL(attention_stats##suffix)(RowStats *stats, INPUT(q), INPUT(k), const Span *spans, SPEC) {                    \
        softmax_stats<S>(stats, PLANES(q), PLANES(k), spans, SPEC_VALUE);                                              \
    }                                                                                                                  \
    KERNEL(attention_forward##suffix)(float *z, float *z_t, RowStats *stats, INPUT(q), INPUT(k), INPUT(v),             \
                                      const Span *spans, SPEC) {                                                       \
        forward<S>(PLANES(z), stats, PLANES(q), PLANES(k), PLANES(v), spans, SPEC_VALUE);                              \
    }                                                                                                                  \
    KERNEL(attention_backward_stats##suffix)(RowStats *stats, INPUT(dz), INPUT(q), INPUT(k), INPUT(v),                 \
                                             const Span *spans, SPEC) {                                                \
        backward_stats<S>(stats, PLANES(dz), PLANES(q), PLANES(k), PLANES(v), spans, SPEC_VALUE);                      \
    }                                                                                                                  \
    KERNEL(attention_backward_q##suffix)(float *dq, float *dq_t, RowStats *stats, INPUT(dz), INPUT(q), INPUT(k),       \
                                         INPUT(v), const Span *spans, SPEC) {                                          \
        backward_q<S>(PLANES(dq), stats, PLANES(dz), PLANES(q), PLANES(k), PLANES(v), spans, SPEC_VALUE);              \
    }                                                                                                                  \
    KERNEL(attention_backward_k##suffix)(float *dk, float *dk_t, RowStats *stats, INPUT(dz), INPUT(q), INPUT(k),       \
                                         INPUT(v), const Span *spans, SPEC) {                                          \
        backward_keys<S, true>(PLANES(dk), stats, PLANES(dz), PLANES(q), PLANES(k), PLANES(v), spans, SPEC_VALUE);     \
    }                                                                                                                  \
    KERNEL(attention_backward_v##suffix)(float *dv, float *dv_t, RowStats *stats, INPUT(dz), INPUT(q), INPUT(k),       \
                                         const Span *spans, SPEC) {                                                    \
        backward_keys<S, false>(PLANES(dv), stats, PLANES(dz), PLANES(q), PLANES(k), {nullptr, nullptr}, spans,        \
                                SPEC_VALUE);                                                                           \
    }

ATTENTION(float, )
ATTENTION(Dual, _dual)

// One query a sequence, as decoding has it: z = softmax(scale q k^T) v with the bits of attention_forward, without its
// tiles of 32 queries. `scores` has room for `longest` keys of every head and sequence.
// Grid (heads, sequences): the threads share the keys; then a thread has a channel of every few chains of keys.
KERNEL(attention_decode)(float *z, float *scores, const float *q, const float *k, const float *v, const Span *spans,
                         u64 longest, SPEC) {
    SHARED(float, query, [MAX_PARTS * SIDE]);
    SHARED(float, chains, [THREADS]);
    SHARED(RowStats, row, );
    Spec spec = SPEC_VALUE;
    Head head(spans[blockIdx.y], spec, blockIdx.x);
    if (head.queries == 0) return;
    float *own = scores + ((u64)blockIdx.y * n_head + blockIdx.x) * longest;
    u64 begin = head.seen_start(0), end = head.seen_end(0), first = begin / SIDE * SIDE;
    if (threadIdx.x < d_head) query[threadIdx.x] = q[head.q_at + threadIdx.x];
    __syncthreads();
    for (u64 key = first + threadIdx.x; key < end; key += THREADS) {
        float score = 0.0f;
        const float *number = k + head.kv_at + key * head.kv_ld;
        for (u64 c = 0; c < d_head; c++) score = fmaf(query[c], number[c], score);
        own[key] = score;
    }
    __syncthreads();
    if (warp() == 0) {
        Running<float> running{-infinity(), 0.0f, 0.0f};
        for (u64 key = first + lane(); key < end; key += WARP) {
            if (key >= begin) take(&running, own[key], scale);
        }
        float top = warp_max(running.top);
        // a lane that saw nothing adds nothing
        float shrink = running.sum == 0.0f ? 0.0f : exponential(running.top - top);
        float sum = warp_sum(running.sum * shrink);
        if (lane() == 0) {
            row.top = top;
            row.factor = 1.0f / sum;
        }
    }
    __syncthreads();
    for (u64 key = begin + threadIdx.x; key < end; key += THREADS) own[key] = weight_of(own[key], &row, scale);
    u64 groups = THREADS / d_head, group = threadIdx.x / d_head, channel = threadIdx.x % d_head;
    float total = 0.0f;
    bool fresh = true;
    for (u64 chain0 = begin / KEY_CHAIN; chain0 * KEY_CHAIN < end; chain0 += groups) {
        __syncthreads(); // weights are there, and chains were added
        u64 from = (chain0 + group) * KEY_CHAIN, to = from + KEY_CHAIN < end ? from + KEY_CHAIN : end;
        float sum = 0.0f;
        for (u64 key = from < begin ? begin : from; group < groups && key < to; key++)
            sum = fmaf(own[key], v[head.kv_at + key * head.kv_ld + channel], sum);
        chains[threadIdx.x] = sum;
        __syncthreads();
        for (u64 g = 0; group == 0 && g < groups && (chain0 + g) * KEY_CHAIN < end; g++) {
            float part = chains[g * d_head + channel];
            total = fresh ? part : part + total;
            fresh = false;
        }
    }
    if (group == 0) z[head.q_at + channel] = total;
}
