// Takes the images of a batch from the data set on the device, distorts and normalises each. A workgroup takes an image.
#import shared/each_workgroup
#import shared/distorted_image

@group(0) @binding(0) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(1) var<storage, read_write> indices: array<i32>; // [n], each below N
@group(0) @binding(2) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(number: u32, local: u32) {
    if (number >= parameters.batch) {
        return;
    }
    distort(number, u32(indices[number]), parameters.epoch, local);
}
