// Cross-entropy in place: logits become their gradient. 1 block = 1 row.
//
// dlogits = weight*(softmax - one-hot), with minus the sum of the others at the target, so that a memorized token
// (p(target) near 1) keeps its digits. Tangent: weight*p*(s' - sum p*s'), from differences to the target's s'.

// -ln p for the target's e of a sum: from the others when p is near 1.
DEVICE double loss_of(double e_target, double others, double distance) {
    return e_target > 1e-3 ? log1p(others / e_target) : log(others + e_target) - distance;
}

// Turns s' into weight*p'; `row` holds exp(z - max), 0 at the target.
DEVICE void tangent_row(float *tangent, const float *row, u64 vocab, u64 target, float factor, float weight) {
    float own = tangent[target];
    double mean_sum = 0.0, p_sum = 0.0;
    for (u64 i = threadIdx.x; i < vocab; i += THREADS) {
        float p = row[i] * factor;
        mean_sum += (double)p * (double)(tangent[i] - own);
        p_sum += (double)p;
    }
    // the mean of s', seen from the target's; also the barrier after which the target's s' may be overwritten
    float mean = (float)block_sum(mean_sum), others = (float)block_sum(p_sum);
    for (u64 i = threadIdx.x; i < vocab; i += THREADS) {
        float t = weight * (row[i] * factor) * ((tangent[i] - own) - mean);
        tangent[i] = i == target ? weight * -(1.0f - others) * mean : t;
    }
}

template <bool DUAL>
DEVICE void gradient(float *logits, float *logits_t, double *losses, const u32 *targets, const float *weights,
                     u64 vocab) {
    float *row = logits + (u64)blockIdx.x * vocab, *tangent = logits_t + (DUAL ? (u64)blockIdx.x * vocab : 0);
    float weight = weights[blockIdx.x];
    if (weight == 0.0f) {
        for (u64 i = threadIdx.x; i < vocab; i += THREADS) {
            row[i] = 0.0f;
            if (DUAL) tangent[i] = 0.0f;
        }
        if (threadIdx.x == 0) losses[blockIdx.x] = 0.0;
        return;
    }
    u64 target = targets[blockIdx.x];
    float top = -infinity();
    for (u64 i = threadIdx.x; i < vocab; i += THREADS) top = larger(top, row[i]);
    top = block_max(top);
    float distance = row[target] - top;
    __syncthreads(); // every thread has read the target's logit
    double sum = 0.0;
    for (u64 i = threadIdx.x; i < vocab; i += THREADS) {
        float e = i == target ? 0.0f : exponential(row[i] - top);
        row[i] = e;
        sum += (double)e;
    }
    double others = block_sum(sum), e_target = exp((double)distance);
    float factor = (float)(1.0 / (others + e_target));
    if (threadIdx.x == 0) losses[blockIdx.x] = loss_of(e_target, others, (double)distance);
    if (DUAL) tangent_row(tangent, row, vocab, target, factor, weight);
    double rest = 0.0;
    for (u64 i = threadIdx.x; i < vocab; i += THREADS) {
        float p = row[i] * factor;
        rest += (double)p;
        row[i] = weight * p;
    }
    rest = block_sum(rest);
    if (threadIdx.x == 0) row[target] = weight * (float)-rest;
}

// Logits (n, vocab) in place; losses in nats, 0 where the weight is 0.
KERNEL(cross_entropy)(float *logits, float *logits_t, double *losses, const u32 *targets, const float *weights, u64 n,
                      u64 vocab) {
    if (blockIdx.x < n) gradient<false>(logits, logits_t, losses, targets, weights, vocab);
}

KERNEL(cross_entropy_dual)(float *logits, float *logits_t, double *losses, const u32 *targets, const float *weights,
                           u64 n, u64 vocab) {
    if (blockIdx.x < n) gradient<true>(logits, logits_t, losses, targets, weights, vocab);
}
