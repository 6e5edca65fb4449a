// What is bound for either gradient of a linear layer of any widths.
@group(0) @binding(0) var<storage, read_write> left: array<f32>; // [rows][depth]
@group(0) @binding(1) var<storage, read_write> right: array<f32>; // [depth][columns]
@group(0) @binding(2) var<storage, read_write> product: array<f32>; // [rows][columns]
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn finished(sum: f32, column: u32) -> f32 {
    return sum;
}
