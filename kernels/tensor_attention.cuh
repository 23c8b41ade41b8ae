// Causal attention over packed sequences on tensor cores, forward and backward, values only. Put between
// tensor_tiles.cuh and the file of a head size. Products of rounded factors, everything else in f32.
//
// A block of 8 warps has 128 rows of one head: queries, or keys in backward_keys; a warp has 16 of them. The other side
// comes through shared memory in tiles of 8 to 32 columns, counted from the first of the sequence, so that a row's
// numbers do not depend on the batch. Scores live in registers; no T x T matrix exists.

#define BLOCK_ROWS 128
#define WARP_ROWS 16

// Keys that some of `count` queries from query0 on see: from a multiple of the tile on.
DEVICE u64 keys_begin(const Head &head, u64 query0, u32 tile) { return head.seen_start(query0) / tile * tile; }
DEVICE u64 keys_end(const Head &head, u64 query0, u64 count) {
    u64 end = query0 + count < head.queries ? query0 + count : head.queries;
    return head.seen_end(end - 1);
}

// Whether some of `n_queries` from query0 on sees some of `n_keys` from key0 on.
DEVICE bool meets(const Head &head, u64 query0, u64 n_queries, u64 key0, u64 n_keys) {
    return query0 < head.queries && key0 < keys_end(head, query0, n_queries) && key0 + n_keys > head.seen_start(query0);
}

// The softmax of the two rows of this lane while keys are still coming, and what goes with it.
struct RowsSoFar {
    float top[2], sum[2], mean[2];

    __device__ RowsSoFar() {
        for (u32 r = 0; r < 2; r++) {
            top[r] = -infinity();
            sum[r] = mean[r] = 0.0f;
        }
    }
};

// Raw scores become exp(score - top) of the new maxima; `shrink` is what earlier sums are worth now.
template <u32 COLUMNS>
DEVICE void take_tile(RowsSoFar *rows, float scores[COLUMNS][4], float shrink[2], const Head &head, u64 query0,
                      u64 key0, float scale) {
    float top[2] = {rows->top[0], rows->top[1]};
#pragma unroll
    for (u32 n = 0; n < COLUMNS; n++) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            bool seen = head.sees(query0 + result_row(i), key0 + result_column(n, i));
            scores[n][i] = seen ? scores[n][i] * scale : -infinity();
            top[i / 2] = larger(top[i / 2], scores[n][i]);
        }
    }
    for (u32 r = 0; r < 2; r++) {
        top[r] = row_max(top[r]);
        // a row that has seen nothing has nothing to shrink
        shrink[r] = rows->top[r] == -infinity() ? 0.0f : exponential(rows->top[r] - top[r]);
        rows->sum[r] *= shrink[r];
        rows->top[r] = top[r];
    }
#pragma unroll
    for (u32 n = 0; n < COLUMNS; n++) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            float score = scores[n][i];
            scores[n][i] = score == -infinity() ? 0.0f : exponential(score - top[i / 2]);
            rows->sum[i / 2] += scores[n][i];
        }
    }
}

// z = softmax(scale q k^T, causal) v
template <class E, u32 D>
DEVICE void tensor_forward(float *z, const float *q, const float *k, const float *v, const Span *spans, Spec spec) {
    using N = Sizes<E, D>;
    SHARED(u32, keys, [N::TILE * N::ROW_LD]);
    SHARED(u32, values, [D * N::CHANNEL_LD]);
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 block0 = (u64)blockIdx.x * BLOCK_ROWS, query0 = block0 + warp() * WARP_ROWS;
    if (block0 >= head.queries) return;
    Left<E, D, (D + N::WORDS <= 384)> left(query_rows(head, q, spec.d_head), query0);
    RowsSoFar rows;
    float sums[N::PARTS][4];
    clear<N::PARTS>(sums);
    u64 end = keys_end(head, block0, BLOCK_ROWS);
    for (u64 key0 = keys_begin(head, block0, N::TILE); key0 < end; key0 += N::TILE) {
        __syncthreads(); // what was there may still be read
        load_rows<E, D>(keys, key_rows(head, k, spec.d_head), key0);
        load_channels<E, D>(values, key_rows(head, v, spec.d_head), key0);
        __syncthreads();
        if (!meets(head, query0, WARP_ROWS, key0, N::TILE)) continue;
        float weights[N::COLUMNS][4], shrink[2];
        score_tile(weights, left, keys);
        take_tile<N::COLUMNS>(&rows, weights, shrink, head, query0, key0, spec.scale);
#pragma unroll
        for (u32 n = 0; n < N::PARTS; n++) {
#pragma unroll
            for (u32 i = 0; i < 4; i++) sums[n][i] *= shrink[i / 2];
        }
        add_tile<E, D>(sums, weights, values);
    }
    float total[2] = {row_total(rows.sum[0]), row_total(rows.sum[1])};
#pragma unroll
    for (u32 n = 0; n < N::PARTS; n++) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            u64 row = query0 + result_row(i), channel = result_column(n, i);
            if (row < head.queries && channel < spec.d_head)
                z[head.q_at + row * head.q_ld + channel] = sums[n][i] / total[i / 2];
        }
    }
}

// Of each row: the largest scaled score, 1 / sum of exp, and the mean of the gradients of its weights.
template <class E, u32 D>
DEVICE void tensor_stats(RowStats *stats, const float *dz, const float *q, const float *k, const float *v,
                         const Span *spans, Spec spec) {
    using N = Sizes<E, D>;
    constexpr bool KEEP = N::WORDS <= 128;
    SHARED(u32, keys, [N::TILE * N::ROW_LD]);
    SHARED(u32, values, [N::TILE * N::ROW_LD]);
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 block0 = (u64)blockIdx.x * BLOCK_ROWS, query0 = block0 + warp() * WARP_ROWS;
    if (block0 >= head.queries) return;
    Left<E, D, KEEP> left(query_rows(head, q, spec.d_head), query0);
    Left<E, D, KEEP> gradient(query_rows(head, dz, spec.d_head), query0);
    RowsSoFar rows;
    u64 end = keys_end(head, block0, BLOCK_ROWS);
    for (u64 key0 = keys_begin(head, block0, N::TILE); key0 < end; key0 += N::TILE) {
        __syncthreads(); // what was there may still be read
        load_rows<E, D>(keys, key_rows(head, k, spec.d_head), key0);
        load_rows<E, D>(values, key_rows(head, v, spec.d_head), key0);
        __syncthreads();
        if (!meets(head, query0, WARP_ROWS, key0, N::TILE)) continue;
        float weights[N::COLUMNS][4], gradients[N::COLUMNS][4], shrink[2];
        score_tile(weights, left, keys);
        take_tile<N::COLUMNS>(&rows, weights, shrink, head, query0, key0, spec.scale);
        score_tile(gradients, gradient, values);
        for (u32 r = 0; r < 2; r++) rows.mean[r] *= shrink[r];
#pragma unroll
        for (u32 n = 0; n < N::COLUMNS; n++) {
#pragma unroll
            for (u32 i = 0; i < 4; i++) rows.mean[i / 2] += weights[n][i] * gradients[n][i];
        }
    }
    for (u32 r = 0; r < 2; r++) {
        float total = row_total(rows.sum[r]), mean = row_total(rows.mean[r]);
        u64 row = query0 + group_of_lane() + r * 8;
        if (place_in_group() != 0 || row >= head.queries) continue;
        RowStats *own = head.stats(stats, row);
        own->top = rows.top[r];
        own->factor = 1.0f / total;
        own->gradient_mean = mean / total;
    }
}

// dq += gradients of scores times keys
template <class E, u32 D>
DEVICE void tensor_backward_q(float *dq, RowStats *stats, const float *dz, const float *q, const float *k,
                              const float *v, const Span *spans, Spec spec) {
    using N = Sizes<E, D>;
    constexpr bool KEEP = D + 2 * N::WORDS <= 256;
    SHARED(u32, keys, [N::TILE * N::ROW_LD]);
    SHARED(u32, values, [N::TILE * N::ROW_LD]);
    SHARED(u32, channels, [D * N::CHANNEL_LD]);
    Head head(spans[blockIdx.z], spec, blockIdx.y);
    u64 block0 = (u64)blockIdx.x * BLOCK_ROWS, query0 = block0 + warp() * WARP_ROWS;
    if (block0 >= head.queries) return;
    Left<E, D, KEEP> left(query_rows(head, q, spec.d_head), query0);
    Left<E, D, KEEP> gradient(query_rows(head, dz, spec.d_head), query0);
    // rows past the end see nothing; they read the statistics of the last
    RowStats own[2];
    for (u32 r = 0; r < 2; r++) {
        u64 row = query0 + group_of_lane() + r * 8;
        own[r] = *head.stats(stats, row < head.queries ? row : head.queries - 1);
    }
    float sums[N::PARTS][4];
    clear<N::PARTS>(sums);
    u64 end = keys_end(head, block0, BLOCK_ROWS);
    for (u64 key0 = keys_begin(head, block0, N::TILE); key0 < end; key0 += N::TILE) {
        __syncthreads(); // what was there may still be read
        load_rows<E, D>(keys, key_rows(head, k, spec.d_head), key0);
        load_rows<E, D>(values, key_rows(head, v, spec.d_head), key0);
        load_channels<E, D>(channels, key_rows(head, k, spec.d_head), key0);
        __syncthreads();
        if (!meets(head, query0, WARP_ROWS, key0, N::TILE)) continue;
        float weights[N::COLUMNS][4], gradients[N::COLUMNS][4];
        score_tile(weights, left, keys);
        score_tile(gradients, gradient, values);
#pragma unroll
        for (u32 n = 0; n < N::COLUMNS; n++) {
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                bool seen = head.sees(query0 + result_row(i), key0 + result_column(n, i));
                float p = weight_of(weights[n][i], &own[i / 2], spec.scale);
                float ds = score_gradient(p, gradients[n][i], own[i / 2].gradient_mean, 0.0f, spec.scale);
                gradients[n][i] = seen ? ds : 0.0f;
            }
        }
        add_tile<E, D>(sums, gradients, channels);
    }
    add_to<N::PARTS>(dq, head.q_at, head.q_ld, query0, head.queries, spec.d_head, sums);
}

// The first query that sees `key`, and the end of those that see any key up to `last`.
DEVICE u64 queries_begin(const Head &head, u64 key, u32 tile) {
    u64 earlier = head.keys - head.queries;
    return (key > earlier ? key - earlier : 0) / tile * tile;
}
DEVICE u64 queries_end(const Head &head, u64 last) {
    if (head.window == 0) return head.queries;
    u64 end = last + head.window, earlier = head.keys - head.queries;
    if (end <= earlier) return 0;
    return end - earlier < head.queries ? end - earlier : head.queries;
}

// dk += gradients of scores times queries (KEYS), or dv += weights times dz; blockIdx.y is a key/value head, whose query
// heads are added in order. Rows are keys, columns are queries.
template <class E, u32 D, bool KEYS>
DEVICE void tensor_backward_keys(float *out, RowStats *stats, const float *dz, const float *q, const float *k,
                                 const float *v, const Span *spans, Spec spec) {
    using N = Sizes<E, D>;
    constexpr bool KEEP = D + (KEYS ? 2 : 1) * N::WORDS <= 256;
    SHARED(u32, queries, [N::TILE * N::ROW_LD]);
    SHARED(u32, gradients_of_z, [KEYS ? N::TILE * N::ROW_LD : 1]);
    SHARED(u32, channels, [D * N::CHANNEL_LD]);
    Span span = spans[blockIdx.z];
    u64 group = spec.n_head / spec.n_kv_head, n_keys = span.kv_end - span.kv_start;
    u64 block0 = (u64)blockIdx.x * BLOCK_ROWS, key0 = block0 + warp() * WARP_ROWS;
    if (block0 >= n_keys) return;
    Head first(span, spec, blockIdx.y * group);
    Left<E, D, KEEP> left(key_rows(first, k, spec.d_head), key0);
    Left<E, D, KEEP && KEYS> value(key_rows(first, KEYS ? v : k, spec.d_head), key0);
    float sums[N::PARTS][4];
    clear<N::PARTS>(sums);
    for (u64 member = 0; member < group; member++) {
        Head head(span, spec, blockIdx.y * group + member);
        u64 last = block0 + BLOCK_ROWS < n_keys ? block0 + BLOCK_ROWS - 1 : n_keys - 1;
        u64 end = queries_end(head, last);
        for (u64 query0 = queries_begin(head, block0, N::TILE); query0 < end; query0 += N::TILE) {
            __syncthreads(); // what was there may still be read
            load_rows<E, D>(queries, query_rows(head, q, spec.d_head), query0);
            if (KEYS) load_rows<E, D>(gradients_of_z, query_rows(head, dz, spec.d_head), query0);
            load_channels<E, D>(channels, query_rows(head, KEYS ? q : dz, spec.d_head), query0);
            __syncthreads();
            if (!meets(head, query0, N::TILE, key0, WARP_ROWS)) continue;
            float weights[N::COLUMNS][4], gradients[KEYS ? N::COLUMNS : 1][4];
            score_tile(weights, left, queries);
            if (KEYS) score_tile(gradients, value, gradients_of_z);
#pragma unroll
            for (u32 n = 0; n < N::COLUMNS; n++) {
#pragma unroll
                for (u32 j = 0; j < 2; j++) {
                    // a query past the end sees nothing
                    u64 query = query0 + result_column(n, j);
                    RowStats own = *head.stats(stats, query < head.queries ? query : 0);
#pragma unroll
                    for (u32 i = j; i < 4; i += 2) {
                        float p = weight_of(weights[n][i], &own, spec.scale);
                        if (KEYS)
                            p = score_gradient(p, gradients[KEYS ? n : 0][i], own.gradient_mean, 0.0f, spec.scale);
                        weights[n][i] = head.sees(query, key0 + result_row(i)) ? p : 0.0f;
                    }
                }
            }
            add_tile<E, D>(sums, weights, channels);
        }
    }
    add_to<N::PARTS>(out, first.kv_at, first.kv_ld, key0, n_keys, spec.d_head, sums);
}

#define TENSOR_SPEC u64 n_head, u64 n_kv_head, u64 d_head, float scale, u64 window
#define TENSOR_SPEC_VALUE {n_head, n_kv_head, d_head, scale, window}
#define QKV const float *q, const float *k, const float *v
#define FORWARD float *z, QKV, const Span *spans, TENSOR_SPEC
#define FORWARD_VALUES z, q, k, v, spans, TENSOR_SPEC_VALUE
#define STATS RowStats *stats, const float *dz, QKV, const Span *spans, TENSOR_SPEC
#define STATS_VALUES stats, dz, q, k, v, spans, TENSOR_SPEC_VALUE
#define BACKWARD float *out, RowStats *stats, const float *dz, QKV, const Span *spans, TENSOR_SPEC
#define BACKWARD_VALUES out, stats, dz, q, k, v, spans, TENSOR_SPEC_VALUE
