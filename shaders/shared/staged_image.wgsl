// For graphics cards: a workgroup takes an image (or a part of what there is to compute of it) and copies STAGED
// groups of its channels at a time to workgroup memory; an invocation keeps one 4x4 block of sums, four channels
// (rows) by a 2x2 block of pixels (columns). Neighbours share the channels, so that a wave reads each weight once.
// What imports this defines
//   Staged, STAGED_WORDS, stage(image, first, at)   what is copied, of the groups from `first` on
//   ALL_GROUPS, ALL_BLOCKS                          how many groups of four channels, and blocks, an image has
//   ALL_STAGED                                      groups to copy in all; STAGED divides it
//   place_of(block, tap), columns(place, channel), rows(tap, channel, group), add(sums, rows, columns)
//   store(sums, block, group)                       the block counted over the batch
#import shared/each_workgroup

// STAGED_WORDS fit 16 KiB.
const STAGED: u32 = 1u;
// Workgroups an image.
const PARTS: u32 = (ALL_BLOCKS * ALL_GROUPS + INVOCATIONS - 1u) / INVOCATIONS;

var<workgroup> staged: array<Staged, STAGED_WORDS>;

fn run(workgroup: u32, local: u32) {
    let image = workgroup / PARTS;
    if (image >= batch) {
        return;
    }
    let item = (workgroup % PARTS) * INVOCATIONS + local;
    let block = item % ALL_BLOCKS;
    let group = min(item / ALL_BLOCKS, ALL_GROUPS - 1u);
    var sums = mat4x4<f32>();
    for (var first = 0u; first < ALL_STAGED; first += STAGED) {
        workgroupBarrier();
        for (var at = local; at < STAGED_WORDS; at += INVOCATIONS) {
            staged[at] = stage(image, first, at);
        }
        workgroupBarrier();
        for (var tap = 0u; tap < TAPS; tap++) {
            let place = place_of(block, tap);
            for (var channel = 0u; channel < STAGED; channel++) {
                sums = add(sums, rows(tap, first + channel, group), columns(place, channel));
            }
        }
    }
    if (item < ALL_BLOCKS * ALL_GROUPS) {
        store(sums, image * ALL_BLOCKS + block, group);
    }
}
