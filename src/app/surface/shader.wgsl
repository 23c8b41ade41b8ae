// A surface in space, the lines on its floor, and their way onto the window.

struct View {
    matrix: mat4x4<f32>,
    // xyz: direction to the light; w: number of contour lines
    light: vec4<f32>,
    // color of contour lines on the surface
    ink: vec4<f32>,
};
@group(0) @binding(0) var<uniform> view: View;

struct Corner {
    @builtin(position) place: vec4<f32>,
    @location(0) normal: vec3<f32>,
    @location(1) color: vec3<f32>,
    @location(2) share: f32,
};

@vertex
fn surface_corner(
    @location(0) place: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) color: vec3<f32>,
    @location(3) share: f32,
) -> Corner {
    return Corner(view.matrix * vec4(place, 1.0), normal, color, share);
}

@fragment
fn surface_color(corner: Corner) -> @location(0) vec4<f32> {
    let light = 0.58 + 0.42 * abs(dot(normalize(corner.normal), view.light.xyz));
    let steps = corner.share * (view.light.w + 1.0);
    // distance to the nearest line in pixels; none at floor and ceiling
    let level = round(steps);
    let away = abs(steps - level) / max(fwidth(steps), 1e-6);
    let is_inside = select(0.0, 1.0, level > 0.5 && level < view.light.w + 0.5);
    let line = is_inside * 0.6 * (1.0 - smoothstep(0.4, 1.2, away));
    return vec4(mix(corner.color * light, view.ink.rgb, line), 1.0);
}

struct End {
    @builtin(position) place: vec4<f32>,
    @location(0) color: vec3<f32>,
};

@vertex
fn floor_end(@location(0) place: vec3<f32>, @location(1) color: vec3<f32>) -> End {
    return End(view.matrix * vec4(place, 1.0), color);
}

@fragment
fn floor_color(end: End) -> @location(0) vec4<f32> {
    return vec4(end.color, 1.0);
}

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var picture_sampler: sampler;

struct Blit {
    @builtin(position) place: vec4<f32>,
    @location(0) at: vec2<f32>,
};

// One triangle over everything.
@vertex
fn blit_corner(@builtin(vertex_index) i: u32) -> Blit {
    let x = f32(i32(i & 1u) * 4 - 1);
    let y = f32(i32(i >> 1u) * 4 - 1);
    return Blit(vec4(x, y, 0.0, 1.0), vec2(0.5 + 0.5 * x, 0.5 - 0.5 * y));
}

@fragment
fn blit_color(corner: Blit) -> @location(0) vec4<f32> {
    return textureSample(picture, picture_sampler, corner.at);
}
