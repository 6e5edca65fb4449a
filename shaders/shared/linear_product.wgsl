// What is bound for a linear layer of any widths: output = input x weight + bias, and (RELU 1) ReLU.
const RELU: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> left: array<f32>; // input [rows][depth]
@group(0) @binding(1) var<storage, read_write> right: array<f32>; // weight [depth][columns]
@group(0) @binding(2) var<storage, read_write> bias: array<f32>; // [columns]
@group(0) @binding(3) var<storage, read_write> product: array<f32>; // output [rows][columns]
@group(0) @binding(4) var<uniform> parameters: Parameters;

fn finished(sum: f32, column: u32) -> f32 {
    let output = sum + bias[column];
    return select(output, max(output, 0.0), RELU == 1u);
}
