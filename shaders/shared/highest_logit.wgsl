// The first largest of the CLASSES logits of an image.
const CLASSES: u32 = 10u;

struct Highest { logit: f32, category: u32 }

fn highest_logit(first: u32) -> Highest {
    var highest = Highest(logits[first], 0u);
    for (var category = 1u; category < CLASSES; category++) {
        let logit = logits[first + category];
        if (logit > highest.logit) {
            highest = Highest(logit, category);
        }
    }
    return highest;
}
