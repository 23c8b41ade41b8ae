// Numbers, functions and reductions of all kernels. Put before each file; includes no header, so that a machine
// with nothing but the driver's compiler can build it.
//
// A kernel that has a dual twin is a template over S in {float, Dual}; every operand is a pair of planes, value and
// tangent, where a null tangent reads as zeros. Formulas and orders of summation are those of src/engine/cpu.
// NaN stays NaN: a broken model must not look healthy.

#ifndef MEMOSCOPE_SHIM
#define DEVICE __device__ __forceinline__
#define KERNEL(name) extern "C" __global__ void __launch_bounds__(256) name
#define SHARED(type, name, extent) __shared__ type name extent
#endif

typedef unsigned long long u64;
typedef unsigned int u32;

#define FULL_WARP 0xffffffffu
// Threads of every block, and of its warps.
#define THREADS 256
#define WARP 32

// ---- numbers -----------------------------------------------------------------------------------------------------

// Value and directional derivative.
struct Dual {
    float v, t;
};

DEVICE float value_of(float x) { return x; }
DEVICE float value_of(Dual x) { return x.v; }

// A constant: no tangent.
template <class S> struct Lift;
template <> struct Lift<float> {
    static __device__ float of(float x) { return x; }
};
template <> struct Lift<Dual> {
    static __device__ Dual of(float x) { return Dual{x, 0.0f}; }
};
template <class S> DEVICE S lift(float x) { return Lift<S>::of(x); }

DEVICE Dual operator+(Dual a, Dual b) { return Dual{a.v + b.v, a.t + b.t}; }
DEVICE Dual operator-(Dual a, Dual b) { return Dual{a.v - b.v, a.t - b.t}; }
DEVICE Dual operator*(Dual a, Dual b) { return Dual{a.v * b.v, a.t * b.v + a.v * b.t}; }
DEVICE Dual operator/(Dual a, Dual b) {
    float v = a.v / b.v;
    return Dual{v, (a.t - v * b.t) / b.v};
}

// f(x), given f and f' at its value.
DEVICE float with_slope(float, float f, float) { return f; }
DEVICE Dual with_slope(Dual x, float f, float slope) { return Dual{f, slope * x.t}; }

// a·b + c, one rounding a product.
DEVICE float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
DEVICE Dual multiply_add(Dual a, Dual b, Dual c) {
    return Dual{fmaf(a.v, b.v, c.v), fmaf(a.t, b.v, fmaf(a.v, b.t, c.t))};
}

template <class S> DEVICE S reciprocal_root(S x) {
    float r = 1.0f / sqrtf(value_of(x));
    return with_slope(x, r, -0.5f * r / value_of(x));
}

// ---- operands ----------------------------------------------------------------------------------------------------

// Two planes that are read, and two that are written.
template <class S> struct Source;
template <class S> struct Target;

template <> struct Source<float> {
    const float *v;
    __device__ Source(const float *value, const float *) : v(value) {}
    __device__ float at(u64 i) const { return v[i]; }
};
template <> struct Source<Dual> {
    const float *v, *t;
    __device__ Source(const float *value, const float *tangent) : v(value), t(tangent) {}
    __device__ Dual at(u64 i) const { return Dual{v[i], t ? t[i] : 0.0f}; }
};
template <> struct Target<float> {
    float *v;
    __device__ Target(float *value, float *) : v(value) {}
    __device__ float at(u64 i) const { return v[i]; }
    __device__ void put(u64 i, float x) const { v[i] = x; }
};
template <> struct Target<Dual> {
    float *v, *t;
    __device__ Target(float *value, float *tangent) : v(value), t(tangent) {}
    __device__ Dual at(u64 i) const { return Dual{v[i], t[i]}; }
    __device__ void put(u64 i, Dual x) const {
        v[i] = x.v;
        t[i] = x.t;
    }
};

// ---- functions ---------------------------------------------------------------------------------------------------

DEVICE float infinity() { return __int_as_float(0x7f800000); }

// e^x in about 1 ulp, 0 below -87.3 and infinity above 88.3: the polynomial of the processor's kernels.
DEVICE float exponential(float x) {
    const float magic = 12582912.0f; // 1.5*2^23: adding it rounds to an integer and leaves that in the low bits
    // the two ends are cut so that 2^n stays a number; NaN passes both comparisons
    float cut = x > 89.0f ? 89.0f : x;
    cut = cut < -88.0f ? -88.0f : cut;
    float shifted = fmaf(cut, 1.44269504088896340736f, magic);
    float n = shifted - magic;
    float r = fmaf(n, -0.6933594f, cut);
    r = fmaf(n, 2.1219444e-4f, r);
    float p = 1.9875691e-4f;
    p = fmaf(p, r, 1.3981999e-3f);
    p = fmaf(p, r, 8.333452e-3f);
    p = fmaf(p, r, 4.1665796e-2f);
    p = fmaf(p, r, 1.6666665e-1f);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p * r, r, r) + 1.0f;
    u32 power = ((u32)__float_as_int(shifted) << 23) + (127u << 23);
    float y = p * __int_as_float((int)power);
    y = x < -87.3f ? 0.0f : y;
    return x > 88.3f ? infinity() : y;
}

// sigma(x) and sigma(-x), both without cancellation.
DEVICE float sigmoid(float x, float *opposite) {
    // e must stay finite: e*sigma(x) is sigma(-x)
    float e = exponential(-(x < -80.0f ? -80.0f : x));
    float s = 1.0f / (1.0f + e);
    *opposite = e * s;
    return s;
}

// The normal distribution function to about 6e-8; the left tail does not cancel.
DEVICE float normal_cdf(float x) {
    float a = x * 0.707106781186547524401f;
    float t = fabsf(a);
    float s = a * a;
    // erf near 0 and ln erfc elsewhere: minimax polynomials of N. Juffa's erff (BSD)
    float r = fmaf(-1.7285347e-5f, t, 3.8319713e-4f);
    float u = fmaf(-3.8839644e-3f, t, 2.4254622e-2f);
    r = fmaf(r, s, u);
    r = fmaf(r, t, -1.0677788e-1f);
    r = fmaf(r, t, -6.348467e-1f);
    r = fmaf(r, t, -1.2871751e-1f);
    r = fmaf(r, t, -t);
    float tail = 0.5f * exponential(r);
    float outer = a > 0.0f ? 1.0f - tail : tail;
    float p = fmaf(-5.967617e-4f, s, 4.991194e-3f);
    p = fmaf(p, s, -2.6768135e-2f);
    p = fmaf(p, s, 1.1281992e-1f);
    p = fmaf(p, s, -3.7612534e-1f);
    p = fmaf(p, s, 1.2837917e-1f);
    float inner = fmaf(0.5f, fmaf(p, a, a), 0.5f);
    return t > 0.9277344f ? outer : inner;
}

DEVICE float normal_density(float x) { return exponential(-0.5f * x * x) * 0.3989422804014327f; }

// ---- places ------------------------------------------------------------------------------------------------------

DEVICE u32 lane() { return threadIdx.x % WARP; }
DEVICE u32 warp() { return threadIdx.x / WARP; }
DEVICE u64 first_element() { return (u64)blockIdx.x * THREADS + threadIdx.x; }
DEVICE u64 element_stride() { return (u64)gridDim.x * THREADS; }
// The row of this warp, where a warp has a row.
DEVICE u64 warp_row() { return (u64)blockIdx.x * (THREADS / WARP) + warp(); }

// ---- reductions, each in one order -------------------------------------------------------------------------------

DEVICE float from_lane(float x, u32 source) { return __shfl_sync(FULL_WARP, x, (int)source); }
DEVICE double from_lane(double x, u32 source) { return __shfl_sync(FULL_WARP, x, (int)source); }
DEVICE Dual from_lane(Dual x, u32 source) { return Dual{from_lane(x.v, source), from_lane(x.t, source)}; }

// The sum over the lanes of a warp, folded by halves; every lane gets that of lane 0.
template <class S> DEVICE S warp_sum(S x) {
    for (u32 half = WARP / 2; half > 0; half /= 2) x = x + from_lane(x, (lane() + half) % WARP);
    return from_lane(x, 0);
}

// The larger value; NaN is in neither place.
DEVICE float larger(float a, float b) { return b > a ? b : a; }

DEVICE float warp_max(float x) {
    for (u32 half = WARP / 2; half > 0; half /= 2) x = larger(x, from_lane(x, (lane() + half) % WARP));
    return from_lane(x, 0);
}

// The sum over the threads of a block. All threads must call it; the result is the same in each.
DEVICE double block_sum(double x) {
    SHARED(double, parts, [THREADS / WARP]);
    x = warp_sum(x);
    __syncthreads(); // an earlier sum may still be read
    if (lane() == 0) parts[warp()] = x;
    __syncthreads();
    double total = 0.0;
    for (u32 i = 0; i < THREADS / WARP; i++) total += parts[i];
    return total;
}

DEVICE float block_max(float x) {
    SHARED(float, parts, [THREADS / WARP]);
    x = warp_max(x);
    __syncthreads(); // an earlier maximum may still be read
    if (lane() == 0) parts[warp()] = x;
    __syncthreads();
    float top = parts[0];
    for (u32 i = 1; i < THREADS / WARP; i++) top = larger(top, parts[i]);
    return top;
}

// Sum of f(i) over i < n in the lanes of a warp, element i in lane i mod 32.
template <class S, class F> DEVICE S row_sum(u64 n, F f) {
    S sum = lift<S>(0.0f);
    for (u64 i = lane(); i < n; i += WARP) sum = sum + f(i);
    return warp_sum(sum);
}
