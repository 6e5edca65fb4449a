// What the images of a step are taken from, by the epoch's order and the place where the step begins, and where they go,
// with their labels. What imports this defines `Parameters`.
@group(0) @binding(0) var<storage, read_write> cursor: array<u32, 4>; // row of the schedule, first image, slot, epoch
@group(0) @binding(1) var<storage, read_write> order: array<i32>; // [N]
@group(0) @binding(2) var<storage, read_write> labels: array<i32>; // [N], by image
@group(0) @binding(3) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(4) var<storage, read_write> batch_labels: array<i32>; // [n]
@group(0) @binding(5) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(6) var<uniform> parameters: Parameters;
