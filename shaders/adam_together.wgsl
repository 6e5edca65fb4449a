// One step of Adam for several parameters that lie side by side with their moments, in place, as `adam` has it. The
// weights of convolutions are written in the two orders of their kernels too, as `convolution_pack_weight` has them.
#import shared/each_invocation
#import shared/adam

const GRADIENTS: u32 = 1u;

struct Parameters {
    elements: u32, // of those here
    all: u32, // numbers of the whole buffer of parameters
}

struct Place {
    first: u32, // its first invocation
    begin: u32, // its first number among all
    taps: u32, // of a convolution's kernel, else 0
    in_channels: u32,
    out_channels: u32,
}

@group(0) @binding(0) var<storage, read_write> current: array<f32, 7>; // row of the schedule
@group(0) @binding(1) var<storage, read_write> places: array<Place, GRADIENTS>;
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(3) var<storage, read_write> moment1: array<f32>;
@group(0) @binding(4) var<storage, read_write> moment2: array<f32>;
@group(0) @binding(5) var<storage, read_write> packed: array<f32>; // [order][all]
#each GRADIENTS @group(0) @binding(6 + $) var<storage, read_write> gradient$: array<f32>;
@group(0) @binding(6 + GRADIENTS) var<uniform> parameters: Parameters;

fn gradient_at(which: u32, index: u32) -> f32 {
    switch (which) {
        #each GRADIENTS case $u: { return gradient$[index]; }
        default: { return 0.0; }
    }
}

// What every invocation reads is read first, from places that are known: llvmpipe reads it once for all lanes.
fn run(index: u32) {
    let numbers = Adam(current[1], current[2], current[3], current[4], current[5], current[6]);
    var which = 0u;
    var place = places[0];
    #each GRADIENTS let place$ = places[$];
    #each GRADIENTS if (index >= place$.first) { which = $u; place = place$; }
    if (index >= parameters.elements) {
        return;
    }
    let within = index - place.first;
    let at = place.begin + within;
    let updated = adam(numbers, Moments(parameter[at], moment1[at], moment2[at]), gradient_at(which, within));
    parameter[at] = updated.parameter;
    moment1[at] = updated.moment1;
    moment2[at] = updated.moment2;
    if (place.taps > 0u) {
        let tap = within % place.taps;
        let channels = within / place.taps;
        let from_channel = channels % place.in_channels;
        let channel = channels / place.in_channels;
        packed[place.begin + (tap * place.in_channels + from_channel) * place.out_channels + channel] = updated.parameter;
        packed[
            parameters.all + place.begin + (tap * place.out_channels + channel) * place.in_channels + from_channel
        ] = updated.parameter;
    }
}
