// What the kernels of attention share: tiles of scores and of weighted rows. Put between the prelude and the file.
//
// A block has 32 queries or 32 keys of one head. Scores come in tiles of 32 queries by 32 keys, the keys counted from
// the first of the sequence: lane l of a warp has key l of the tile, warp w has queries w, w+8, w+16 and w+24. So a
// query's sums over keys are sums of one warp, key i in lane i mod 32, whatever the batch. No T x T matrix exists.
//
// Every tile is formed by chains of fused multiply-adds in the order of the processor's products: over the channels
// for scores (heads have at most 256), over blocks of 256 keys for z and dq, of 64 queries for dk and dv.

#define SIDE 32
#define ROWS (SIDE / 8)
// Most channels of a head, and their parts of 32.
#define MAX_PARTS 8
// Keys and queries of a chain.
#define KEY_CHAIN 256
#define QUERY_CHAIN 64

// One sequence: its rows in q and z, and in k and v. The last query sits at the last key.
struct Span {
    u64 q_start, q_end, kv_start, kv_end;
};

// What attention needs to know besides the operands; a window of 0 is none.
struct Spec {
    u64 n_head, n_kv_head, d_head;
    float scale;
    u64 window;
};

// What later passes need of a row of scores.
struct RowStats {
    // largest scaled score, 1/sum of exp, sum of p*s' (raw scores' tangents)
    float top, factor, tangent_mean;
    // sum of p*dp and its tangent
    float gradient_mean, gradient_mean_t;
};

// One head of one sequence: where its rows lie, and which keys a query sees.
struct Head {
    u64 queries, keys;
    // of query 0 and key 0: first number, and numbers from row to row
    u64 q_at, q_ld, kv_at, kv_ld;
    // of query 0 in the statistics, which lie as (rows, heads)
    u64 stats_at, n_head;
    u64 window;

    __device__ Head(Span span, Spec spec, u64 head) {
        u64 kv_head = head * spec.n_kv_head / spec.n_head;
        queries = span.q_end - span.q_start;
        keys = span.kv_end - span.kv_start;
        q_ld = spec.n_head * spec.d_head;
        kv_ld = spec.n_kv_head * spec.d_head;
        q_at = span.q_start * q_ld + head * spec.d_head;
        kv_at = span.kv_start * kv_ld + kv_head * spec.d_head;
        n_head = spec.n_head;
        stats_at = span.q_start * spec.n_head + head;
        window = spec.window;
    }

    // Keys up to this one, not included, are seen by query `i`.
    __device__ u64 seen_end(u64 i) const { return keys - queries + i + 1; }
    __device__ u64 seen_start(u64 i) const {
        u64 end = seen_end(i);
        return window > 0 && end > window ? end - window : 0;
    }
    __device__ bool sees(u64 query, u64 key) const {
        return query < queries && key >= seen_start(query) && key < seen_end(query);
    }
    // Keys that some query of the tile from `query0` on sees: from a multiple of 32 on.
    __device__ u64 first_key(u64 query0) const { return seen_start(query0) / SIDE * SIDE; }
    __device__ u64 end_key(u64 query0) const {
        u64 last = query0 + SIDE < queries ? query0 + SIDE : queries;
        return seen_end(last - 1);
    }
    __device__ RowStats *stats(RowStats *all, u64 query) const { return all + stats_at + query * n_head; }
};

// 32 rows of 32 numbers; one more number a row keeps columns on different banks.
template <class S> struct Patch {
    S at[SIDE][SIDE + 1];
};

// Rows row0.. (below `rows`) and channels channel0.. (below `channels`) of a head; 0 outside.
template <class S>
DEVICE void load(Patch<S> *patch, Source<S> x, u64 at, u64 ld, u64 row0, u64 rows, u64 channel0, u64 channels) {
    for (u32 i = 0; i < ROWS; i++) {
        u32 row = warp() + 8 * i;
        bool inside = row0 + row < rows && channel0 + lane() < channels;
        patch->at[row][lane()] = inside ? x.at(at + (row0 + row) * ld + channel0 + lane()) : lift<S>(0.0f);
    }
}

// out[i] = row (query0 + warp + 8i) of x times row (key0 + lane) of y.
template <class S>
DEVICE void row_products(S out[ROWS], Patch<S> *left, Patch<S> *right, const Head &head, u64 d_head, Source<S> x,
                         u64 query0, Source<S> y, u64 key0) {
    for (u32 i = 0; i < ROWS; i++) out[i] = lift<S>(0.0f);
    for (u64 c = 0; c < d_head; c += SIDE) {
        __syncthreads(); // what was there may still be read
        load(left, x, head.q_at, head.q_ld, query0, head.queries, c, d_head);
        load(right, y, head.kv_at, head.kv_ld, key0, head.keys, c, d_head);
        __syncthreads();
#pragma unroll 4
        for (u32 k = 0; k < SIDE; k++) {
            for (u32 i = 0; i < ROWS; i++) {
                out[i] = multiply_add(left->at[warp() + 8 * i][k], right->at[lane()][k], out[i]);
            }
        }
    }
}

// The weight of a score, given the row's statistics.
DEVICE float weight_of(float score, const RowStats *s, float scale) {
    return exponential(score * scale - s->top) * s->factor;
}
DEVICE Dual weight_of(Dual score, const RowStats *s, float scale) {
    float p = weight_of(score.v, s, scale);
    return Dual{p, p * (score.t - s->tangent_mean) * scale};
}

// The gradient of a score from that of its weight.
DEVICE float score_gradient(float p, float dp, float mean, float, float scale) { return p * (dp - mean) * scale; }
DEVICE Dual score_gradient(Dual p, Dual dp, float mean, float mean_t, float scale) {
    float centered = dp.v - mean;
    return Dual{p.v * centered * scale, (p.t * centered + p.v * (dp.t - mean_t)) * scale};
}

// Turns raw scores of the tile at (query0, key0) into weights; 0 where nothing is seen.
template <class S>
DEVICE void to_weights(S tile[ROWS], const Head &head, RowStats *stats, u64 query0, u64 key0, float scale) {
    for (u32 i = 0; i < ROWS; i++) {
        u64 query = query0 + warp() + 8 * i;
        bool seen = head.sees(query, key0 + lane());
        tile[i] = seen ? weight_of(tile[i], head.stats(stats, query), scale) : lift<S>(0.0f);
    }
}

// Turns gradients of weights into those of scores, in `gradients`.
template <class S>
DEVICE void to_score_gradients(S gradients[ROWS], const S weights[ROWS], const Head &head, RowStats *stats, u64 query0,
                               u64 key0, float scale) {
    for (u32 i = 0; i < ROWS; i++) {
        u64 query = query0 + warp() + 8 * i;
        bool seen = head.sees(query, key0 + lane());
        const RowStats *s = head.stats(stats, seen ? query : 0);
        gradients[i] = seen ? score_gradient(weights[i], gradients[i], s->gradient_mean, s->gradient_mean_t, scale)
                            : lift<S>(0.0f);
    }
}

// Sums over the rows of a patch: of row (warp + 8i), channels lane + 32j.
template <class S> struct Sums {
    S at[ROWS][MAX_PARTS];

    __device__ void clear() {
#pragma unroll
        for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
            for (u32 j = 0; j < MAX_PARTS; j++) at[i][j] = lift<S>(0.0f);
        }
    }
};

// sums[row] += sum over k of weights[row][k] (or weights[k][row] if TURNED) times row (row0 + k) of x.
template <class S, bool TURNED>
DEVICE void add_rows(Sums<S> *sums, Patch<S> *weights, const S tile[ROWS], Patch<S> *patch, Source<S> x, u64 at, u64 ld,
                     u64 row0, u64 rows, u64 d_head) {
    __syncthreads(); // what was there may still be read
    for (u32 i = 0; i < ROWS; i++) weights->at[warp() + 8 * i][lane()] = tile[i];
#pragma unroll
    for (u32 j = 0; j < MAX_PARTS; j++) {
        if (j * SIDE >= d_head) break; // the same for all threads
        __syncthreads();
        load(patch, x, at, ld, row0, rows, j * SIDE, d_head);
        __syncthreads();
#pragma unroll 4
        for (u32 k = 0; k < SIDE; k++) {
            S number = patch->at[k][lane()];
#pragma unroll
            for (u32 i = 0; i < ROWS; i++) {
                u32 row = warp() + 8 * i;
                S weight = TURNED ? weights->at[k][row] : weights->at[row][k];
                sums->at[i][j] = multiply_add(weight, number, sums->at[i][j]);
            }
        }
    }
}

// Adds (or writes, if `fresh`) sums to rows row0.. of a result, and clears them.
template <class S>
DEVICE void flush(Sums<S> *sums, Target<S> out, u64 at, u64 ld, u64 row0, u64 rows, u64 d_head, bool fresh) {
#pragma unroll
    for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
        for (u32 j = 0; j < MAX_PARTS; j++) {
            u64 row = row0 + warp() + 8 * i, channel = lane() + SIDE * j;
            if (row < rows && channel < d_head) {
                u64 place = at + row * ld + channel;
                out.put(place, fresh ? sums->at[i][j] : sums->at[i][j] + out.at(place));
            }
        }
    }
    sums->clear();
}
