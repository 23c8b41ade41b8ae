//! The pipeline of surfaces: triangles with depth and antialiasing into a picture of their own, which is then laid
//! over the window. The window's own pass has no depth, and that of tests neither.

use std::collections::HashMap;

use bytemuck::cast_slice;
use eframe::egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use eframe::wgpu::util::{BufferInitDescriptor, DeviceExt as _};
use eframe::wgpu::{self, BufferUsages, TextureFormat, TextureUsages};
use std::sync::Arc;

use super::mesh::{Corner, End, Mesh};

const COLOR: TextureFormat = TextureFormat::Rgba8Unorm;
const DEPTH: TextureFormat = TextureFormat::Depth32Float;
const SAMPLES: u32 = 4;
/// Frames after which what was not drawn is let go.
const FORGET: u64 = 120;

/// Pipelines, and what each surface on screen keeps on the card.
pub(super) struct SurfaceGpu {
    surface: wgpu::RenderPipeline,
    floor: wgpu::RenderPipeline,
    view_layout: wgpu::BindGroupLayout,
    blit: wgpu::RenderPipeline,
    sampler: wgpu::Sampler,
    shown: HashMap<egui::Id, Shown>,
    frame: u64,
}

/// One surface on screen.
struct Shown {
    mesh: Arc<Mesh>,
    corners: wgpu::Buffer,
    triangles: wgpu::Buffer,
    floor: Option<wgpu::Buffer>,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
    target: Option<Target>,
    frame: u64,
}

struct Target {
    size: [u32; 2],
    color: wgpu::TextureView,
    depth: wgpu::TextureView,
    resolved: wgpu::TextureView,
    group: wgpu::BindGroup,
}

/// What is drawn in one frame.
pub(super) struct Draw {
    pub(super) id: egui::Id,
    pub(super) mesh: Arc<Mesh>,
    /// Matrix in columns, direction to the light with the number of contour lines, color of the lines.
    pub(super) view: [f32; 24],
    /// Pixels.
    pub(super) size: [u32; 2],
}

/// Prepares the pipelines for the window's card.
pub fn install(render: &RenderState) {
    let gpu = SurfaceGpu::new(&render.device, render.target_format);
    render.renderer.write().callback_resources.insert(gpu);
}

impl SurfaceGpu {
    fn new(device: &wgpu::Device, target: TextureFormat) -> Self {
        let source = wgpu::ShaderSource::Wgsl(include_str!("shader.wgsl").into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("surface"), source });
        let corner = wgpu::vertex_attr_array![0 => Float32x3, 1 => Float32x3, 2 => Float32x3, 3 => Float32];
        let end = wgpu::vertex_attr_array![0 => Float32x3, 1 => Float32x3];
        let layout = |size: usize, attributes| wgpu::VertexBufferLayout {
            array_stride: size as u64,
            step_mode: wgpu::VertexStepMode::Vertex,
            attributes,
        };
        let view_layout = view_layout(device);
        let shared = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("view"),
            bind_group_layouts: &[Some(&view_layout)],
            immediate_size: 0,
        });
        let solid = |entry: [&str; 2], buffer, topology| {
            let make = Make { entry, buffer: Some(buffer), topology, format: COLOR, solid: Some(&shared) };
            make.pipeline(device, &module)
        };
        let surface = solid(
            ["surface_corner", "surface_color"],
            layout(size_of::<Corner>(), &corner),
            wgpu::PrimitiveTopology::TriangleList,
        );
        let floor =
            solid(["floor_end", "floor_color"], layout(size_of::<End>(), &end), wgpu::PrimitiveTopology::LineList);
        let blit = Make {
            entry: ["blit_corner", "blit_color"],
            buffer: None,
            topology: wgpu::PrimitiveTopology::TriangleList,
            format: target,
            solid: None,
        }
        .pipeline(device, &module);
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor::default());
        Self { surface, floor, view_layout, blit, sampler, shown: HashMap::new(), frame: 0 }
    }

    fn show(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, draw: &Draw) {
        self.frame += 1;
        let frame = self.frame;
        self.shown.retain(|_, shown| frame - shown.frame < FORGET);
        let is_known = self.shown.get(&draw.id).is_some_and(|shown| Arc::ptr_eq(&shown.mesh, &draw.mesh));
        if !is_known {
            let fresh = Shown::new(device, &self.view_layout, Arc::clone(&draw.mesh));
            self.shown.insert(draw.id, fresh);
        }
        let Some(shown) = self.shown.get_mut(&draw.id) else { return };
        shown.frame = frame;
        queue.write_buffer(&shown.uniform, 0, cast_slice(&draw.view));
        if shown.target.as_ref().is_none_or(|target| target.size != draw.size) {
            shown.target = Some(Target::new(device, &self.blit, &self.sampler, draw.size));
        }
    }

    fn render(&self, encoder: &mut wgpu::CommandEncoder, id: egui::Id) {
        let Some((shown, target)) = self.shown.get(&id).and_then(|shown| Some((shown, shown.target.as_ref()?))) else {
            return;
        };
        let color = wgpu::RenderPassColorAttachment {
            view: &target.color,
            resolve_target: Some(&target.resolved),
            depth_slice: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                store: wgpu::StoreOp::Discard,
            },
        };
        let depth = wgpu::RenderPassDepthStencilAttachment {
            view: &target.depth,
            depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store: wgpu::StoreOp::Discard }),
            stencil_ops: None,
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("surface"),
            color_attachments: &[Some(color)],
            depth_stencil_attachment: Some(depth),
            ..wgpu::RenderPassDescriptor::default()
        });
        pass.set_bind_group(0, &shown.group, &[]);
        pass.set_pipeline(&self.surface);
        pass.set_vertex_buffer(0, shown.corners.slice(..));
        pass.set_index_buffer(shown.triangles.slice(..), wgpu::IndexFormat::Uint32);
        pass.draw_indexed(0..shown.mesh.triangles.len() as u32, 0, 0..1);
        if let Some(floor) = &shown.floor {
            pass.set_pipeline(&self.floor);
            pass.set_vertex_buffer(0, floor.slice(..));
            pass.draw(0..shown.mesh.floor.len() as u32, 0..1);
        }
    }
}

/// How a pipeline is made.
struct Make<'a> {
    entry: [&'a str; 2],
    buffer: Option<wgpu::VertexBufferLayout<'a>>,
    topology: wgpu::PrimitiveTopology,
    format: TextureFormat,
    /// The shared layout of what is drawn with depth and antialiasing into a picture of its own; without it, a picture
    /// is laid over what is there.
    solid: Option<&'a wgpu::PipelineLayout>,
}

impl Make<'_> {
    fn pipeline(self, device: &wgpu::Device, module: &wgpu::ShaderModule) -> wgpu::RenderPipeline {
        let [vertex, fragment] = self.entry;
        let blend = self.solid.is_none().then_some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING);
        let depth = wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(true),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: wgpu::StencilState::default(),
            bias: wgpu::DepthBiasState::default(),
        };
        device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(vertex),
            layout: self.solid,
            vertex: wgpu::VertexState {
                module,
                entry_point: Some(vertex),
                buffers: &self.buffer.map_or_else(Vec::new, |buffer| vec![Some(buffer)]),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            },
            fragment: Some(wgpu::FragmentState {
                module,
                entry_point: Some(fragment),
                targets: &[Some(wgpu::ColorTargetState {
                    format: self.format,
                    blend,
                    write_mask: wgpu::ColorWrites::ALL,
                })],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            }),
            primitive: wgpu::PrimitiveState { topology: self.topology, ..wgpu::PrimitiveState::default() },
            depth_stencil: self.solid.map(|_| depth),
            multisample: wgpu::MultisampleState {
                count: if self.solid.is_some() { SAMPLES } else { 1 },
                ..wgpu::MultisampleState::default()
            },
            multiview_mask: None,
            cache: None,
        })
    }
}

/// The uniform that surface and floor share.
fn view_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("view"),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        }],
    })
}

impl Shown {
    fn new(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, mesh: Arc<Mesh>) -> Self {
        let buffer = |label, contents: &[u8], usage| {
            device.create_buffer_init(&BufferInitDescriptor { label: Some(label), contents, usage })
        };
        let corners = buffer("corners", cast_slice(&mesh.corners), BufferUsages::VERTEX);
        let triangles = buffer("triangles", cast_slice(&mesh.triangles), BufferUsages::INDEX);
        let floor = (!mesh.floor.is_empty()).then(|| buffer("floor", cast_slice(&mesh.floor), BufferUsages::VERTEX));
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("view"),
            size: size_of::<[f32; 24]>() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("view"),
            layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
        });
        Self { mesh, corners, triangles, floor, uniform, group, target: None, frame: 0 }
    }
}

impl Target {
    fn new(device: &wgpu::Device, blit: &wgpu::RenderPipeline, sampler: &wgpu::Sampler, size: [u32; 2]) -> Self {
        let texture = |format, sample_count, usage| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("surface"),
                size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let drawn = TextureUsages::RENDER_ATTACHMENT;
        let resolved = texture(COLOR, 1, drawn | TextureUsages::TEXTURE_BINDING);
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &blit.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(&resolved) },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Sampler(sampler) },
            ],
        });
        Self { size, color: texture(COLOR, SAMPLES, drawn), depth: texture(DEPTH, SAMPLES, drawn), resolved, group }
    }
}

impl CallbackTrait for Draw {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(gpu) = resources.get_mut::<SurfaceGpu>() {
            gpu.show(device, queue, self);
            gpu.render(encoder, self.id);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(gpu) = resources.get::<SurfaceGpu>() else { return };
        let Some(target) = gpu.shown.get(&self.id).and_then(|shown| shown.target.as_ref()) else { return };
        pass.set_pipeline(&gpu.blit);
        pass.set_bind_group(0, &target.group, &[]);
        pass.draw(0..3, 0..1);
    }
}
