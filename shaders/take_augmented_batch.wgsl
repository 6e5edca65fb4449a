// As `augment_batch`, of the images of a step by the epoch's order and the place where the step begins; with their labels.
#import shared/each_workgroup
#import shared/distorted_image
#import shared/taken_batch

fn run(number: u32, local: u32) {
    if (number >= parameters.batch) {
        return;
    }
    let source = order[cursor[1] + number];
    if (local == 0u) {
        batch_labels[number] = labels[source];
    }
    distort(number, u32(source), cursor[3], local);
}
