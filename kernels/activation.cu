// Element-wise nonlinearities and gates, 1 thread = 1 element.
//
// Each curve gives f, f' and f'' at a point: f'' is what the tangent of backward needs.
// GELU's tanh form is x*sigma(2u) with u = sqrt(2/pi)*(x + 0.044715*x^3), which cancels nothing on the left.

struct Curve {
    float f, slope, bend;
};

DEVICE Curve gelu_tanh(float x) {
    const float twice = (float)1.595769121605731; // 2*sqrt(2/pi)
    const float cube = (float)(0.044715 * 1.595769121605731);
    float x2 = x * x, c;
    float s = sigmoid(x * (twice + cube * x2), &c);
    float v1 = twice + 3.0f * cube * x2, v2 = 6.0f * cube * x, q = s * c;
    return Curve{x * s, s + x * q * v1, 2.0f * q * v1 + x * q * ((c - s) * v1 * v1 + v2)};
}

DEVICE Curve gelu_erf(float x) {
    float p = normal_cdf(x), n = normal_density(x);
    return Curve{x * p, p + x * n, n * (2.0f - x * x)};
}

DEVICE Curve silu(float x) {
    float c;
    float s = sigmoid(x, &c), q = s * c;
    return Curve{x * s, s + x * q, q * (2.0f + x * (c - s))};
}

DEVICE Curve relu(float x) {
    // NaN stays
    return x <= 0.0f ? Curve{0.0f, 0.0f, 0.0f} : Curve{x, 1.0f, 0.0f};
}

// f: 0 GELU (tanh), 1 GELU (erf), 2 SiLU, 3 ReLU.
DEVICE Curve curve(float x, int f) {
    switch (f) {
    case 0: return gelu_tanh(x);
    case 1: return gelu_erf(x);
    case 2: return silu(x);
    default: return relu(x);
    }
}

template <class S> DEVICE S apply(S x, Curve c) { return with_slope(x, c.f, c.slope); }
template <class S> DEVICE S slope(S x, Curve c) { return with_slope(x, c.slope, c.bend); }

// y = f(x)
template <class S> DEVICE void forward(Target<S> y, Source<S> x, u64 n, int f) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        S point = x.at(i);
        y.put(i, apply(point, curve(value_of(point), f)));
    }
}

// dx = dy * f'(x)
template <class S> DEVICE void backward(Target<S> dx, Source<S> dy, Source<S> x, u64 n, int f) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        S point = x.at(i);
        dx.put(i, dy.at(i) * slope(point, curve(value_of(point), f)));
    }
}

// y = f(gate) * up
template <class S> DEVICE void gated(Target<S> y, Source<S> gate, Source<S> up, u64 n, int f) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        S point = gate.at(i);
        y.put(i, apply(point, curve(value_of(point), f)) * up.at(i));
    }
}

// dgate = dy * up * f'(gate), dup = dy * f(gate)
template <class S>
DEVICE void gated_backward(Target<S> dgate, Target<S> dup, Source<S> dy, Source<S> gate, Source<S> up, u64 n, int f) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        S point = gate.at(i), d = dy.at(i);
        Curve c = curve(value_of(point), f);
        dgate.put(i, d * up.at(i) * slope(point, c));
        dup.put(i, d * apply(point, c));
    }
}

#define ACTIVATION(S, suffix)                                                                                          \
    KERNEL(activation_forward##suffix)(float *y, float *y_t, const float *x, const float *x_t, u64 n, int f) {         \
        forward<S>({y, y_t}, {x, x_t}, n, f);                                                                          \
    }                                                                                                                  \
    KERNEL(activation_backward##suffix)(float *dx, float *dx_t, const float *dy, const float *dy_t, const float *x,    \
                                        const float *x_t, u64 n, int f) {                                              \
        backward<S>({dx, dx_t}, {dy, dy_t}, {x, x_t}, n, f);                                                           \
    }                                                                                                                  \
    KERNEL(gate_forward##suffix)(float *y, float *y_t, const float *gate, const float *gate_t, const float *up,        \
                                 const float *up_t, u64 n, int f) {                                                    \
        gated<S>({y, y_t}, {gate, gate_t}, {up, up_t}, n, f);                                                          \
    }                                                                                                                  \
    KERNEL(gate_backward##suffix)(float *dgate, float *dgate_t, float *dup, float *dup_t, const float *dy,             \
                                  const float *dy_t, const float *gate, const float *gate_t, const float *up,          \
                                  const float *up_t, u64 n, int f) {                                                   \
        gated_backward<S>({dgate, dgate_t}, {dup, dup_t}, {dy, dy_t}, {gate, gate_t}, {up, up_t}, n, f);               \
    }

ACTIVATION(float, )
ACTIVATION(Dual, _dual)
