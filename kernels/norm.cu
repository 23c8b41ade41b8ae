// Layer norm and RMS norm, 1 warp = 1 row: grid ceil(rows/8).
//
// Layer: y = (x - mean)/sqrt(var + eps)*gain + bias; RMS leaves the mean out.
// Backward: with g = gain*dy, dx += (g - mean g - xhat*mean(g*xhat))/s; RMS without mean g.

// Mean (0 for RMS) and 1/s of a row.
template <class S> DEVICE void moments(Source<S> x, u64 at, u64 c, double eps, int is_rms, S *mean, S *rstd) {
    S count = lift<S>((float)c);
    S center = lift<S>(0.0f);
    if (!is_rms) center = row_sum<S>(c, [&](u64 i) { return x.at(at + i); }) / count;
    S square = row_sum<S>(c, [&](u64 i) {
        S d = is_rms ? x.at(at + i) : x.at(at + i) - center;
        return d * d;
    });
    *mean = center;
    *rstd = reciprocal_root(square / count + lift<S>((float)eps));
}

template <class S>
DEVICE void forward(Target<S> y, Source<S> x, Source<S> gain, Source<S> bias, u64 rows, u64 c, double eps, int is_rms) {
    u64 row = warp_row();
    if (row >= rows) return;
    u64 at = row * c;
    S mean, rstd;
    moments(x, at, c, eps, is_rms, &mean, &rstd);
    for (u64 i = lane(); i < c; i += WARP) {
        S scaled = (x.at(at + i) - mean) * rstd * gain.at(i);
        y.put(at + i, bias.v ? scaled + bias.at(i) : scaled);
    }
}

template <class S>
DEVICE void backward(Target<S> dx, Target<S> dgain, Source<S> dy, Source<S> x, Source<S> gain, u64 rows, u64 c,
                     double eps, int is_rms) {
    u64 row = warp_row();
    if (row >= rows) return;
    u64 at = row * c;
    S mean, rstd, count = lift<S>((float)c);
    moments(x, at, c, eps, is_rms, &mean, &rstd);
    auto hat = [&](u64 i) { return (x.at(at + i) - mean) * rstd; };
    auto g = [&](u64 i) { return gain.at(i) * dy.at(at + i); };
    S mean_g = lift<S>(0.0f);
    if (!is_rms) mean_g = row_sum<S>(c, g) / count;
    S mean_gx = row_sum<S>(c, [&](u64 i) { return g(i) * hat(i); }) / count;
    for (u64 i = lane(); i < c; i += WARP) {
        S h = hat(i);
        dx.put(at + i, dx.at(at + i) + (g(i) - mean_g - h * mean_gx) * rstd);
        if (dgain.v) dgain.put(at + i, dy.at(at + i) * h);
    }
}

#define NORM(S, suffix)                                                                                                \
    KERNEL(norm_forward##suffix)(float *y, float *y_t, const float *x, const float *x_t, const float *gain,            \
                                 const float *gain_t, const float *bias, const float *bias_t, u64 rows, u64 c,         \
                                 double eps, int is_rms) {                                                             \
        forward<S>({y, y_t}, {x, x_t}, {gain, gain_t}, {bias, bias_t}, rows, c, eps, is_rms);                          \
    }                                                                                                                  \
    KERNEL(norm_backward_acc##suffix)(float *dx, float *dx_t, float *dgain, float *dgain_t, const float *dy,           \
                                      const float *dy_t, const float *x, const float *x_t, const float *gain,          \
                                      const float *gain_t, u64 rows, u64 c, double eps, int is_rms) {                  \
        backward<S>({dx, dx_t}, {dgain, dgain_t}, {dy, dy_t}, {x, x_t}, {gain, gain_t}, rows, c, eps, is_rms);         \
    }

NORM(float, )
NORM(Dual, _dual)
