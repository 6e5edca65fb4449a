//! Adam's update of many parameters in one launch: they lie side by side on the adapter, and so do their moments.

use std::ops::Range;

use burn::tensor::{DType, Shape, Tensor};
use burn_wgpu::{CubeTensor, into_contiguous};

use super::launches::{self, PLACE};
use crate::kernels::convolution_weight::{Packing, WeightShape, forget_packed, keep_packed};
use crate::kernels::gpu::{Place, empty, float_tensor, into_floats, launch, write};
use crate::kernels::step_state::StepState;

/// Numbers to which a parameter's place is rounded up: 256 bytes, where every adapter lets a binding begin.
const ALIGNMENT: usize = 64;
/// Bindings of a launch beside the gradients.
const OTHERS: usize = 6;
/// Gradients of a launch at most, however many bindings an adapter allows.
const MOST: usize = 24;

/// Parameters side by side, with their moments.
pub struct Together {
    buffers: [CubeTensor; 3],
    /// The weights of convolutions in the orders of their kernels, `[2, all]`.
    packed: CubeTensor,
    slots: Vec<Slot>,
    /// A launch each.
    groups: Vec<Group>,
}

/// The place of a parameter.
#[derive(Clone, Copy)]
struct Slot {
    /// Its first number.
    begin: usize,
    count: usize,
    /// Of a convolution's weight.
    weight: Option<WeightShape>,
}

/// Parameters that one launch updates.
struct Group {
    slots: Range<usize>,
    elements: usize,
    /// u32 `[slots, 5]`
    places: CubeTensor,
}

/// A parameter with its moments, each a part of a buffer.
pub struct Parts<const D: usize> {
    pub parameter: Tensor<D>,
    pub moments: [Tensor<D>; 2],
}

impl Together {
    /// Room for parameters of these sizes, on the adapter of `steps`.
    pub fn new(parameters: &[&[usize]], steps: &StepState) -> Self {
        let like = steps.current();
        let mut all = 0;
        let mut slots = Vec::new();
        for dims in parameters {
            let count = dims.iter().product::<usize>();
            slots.push(Slot {
                begin: all,
                count,
                weight: WeightShape::of_parameter(dims),
            });
            all += count.next_multiple_of(ALIGNMENT);
        }
        let bindings = like.client.properties().hardware.max_bindings as usize;
        let most = bindings.saturating_sub(OTHERS).clamp(1, MOST);
        let groups = (0..slots.len()).step_by(most).map(|first| {
            let end = slots.len().min(first + most);
            Group::new(first..end, &slots, like)
        });
        let floats = |count: usize| empty(like, &[count.max(1)], DType::F32);
        Self {
            groups: groups.collect(),
            buffers: [(); 3].map(|()| floats(all)),
            packed: floats(2 * all),
            slots,
        }
    }

    /// Puts a parameter and its moments, zeros where there are none yet, at the place of number `which`.
    ///
    /// # Panics
    /// It has not as many numbers as that place, or lies on the CPU.
    pub fn put<const D: usize>(
        &self,
        which: usize,
        parameter: Tensor<D>,
        moments: Option<[Tensor<D>; 2]>,
    ) -> Parts<D> {
        let dims = parameter.dims();
        let slot = self.slots[which];
        let moments = moments.unwrap_or_else(|| [parameter.zeros_like(), parameter.zeros_like()]);
        let [first, second] = moments;
        let mut tensors = [parameter, first, second].into_iter();
        let parts = self.buffers.each_ref().map(|buffer| {
            let tensor = tensors.next().and_then(into_floats);
            let from = into_contiguous(tensor.expect("a parameter on the adapter"));
            let part = part(buffer, slot.begin, &dims);
            launch(launches::copy(slot.count), &[&from, &part]);
            part
        });
        if let Some(weight) = slot.weight {
            let packed = [Packing::OutInnermost, Packing::InInnermost].map(|packing| {
                let begin = packing as usize * self.all() + slot.begin;
                let packed = part(&self.packed, begin, &[slot.count]);
                launch(weight.pack(packing), &[&parts[0], &packed]);
                packed
            });
            keep_packed(Place::of_buffer(&parts[0]), packed);
        }
        let [parameter, first, second] = parts.map(float_tensor);
        Parts {
            parameter,
            moments: [first, second],
        }
    }

    /// One update of all by the step to come; `gradients` are in the order of the parameters.
    ///
    /// # Panics
    /// There are not as many gradients as parameters.
    pub fn update(&self, gradients: &[CubeTensor], steps: &StepState) {
        assert_eq!(gradients.len(), self.slots.len(), "gradients");
        let [parameters, moment1, moment2] = &self.buffers;
        for group in &self.groups {
            let counts: Vec<usize> = (self.slots[group.slots.clone()].iter())
                .map(|slot| slot.count)
                .collect();
            let mut tensors = vec![steps.current(), &group.places, parameters];
            tensors.extend([moment1, moment2, &self.packed]);
            tensors.extend(&gradients[group.slots.clone()]);
            launch(
                launches::together(self.all(), group.elements, &counts),
                &tensors,
            );
        }
    }

    /// Numbers of a whole buffer.
    fn all(&self) -> usize {
        self.buffers[0].meta.shape().num_elements()
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        for slot in &self.slots {
            let parameter = part(&self.buffers[0], slot.begin, &[slot.count]);
            forget_packed(Place::of_buffer(&parameter));
        }
    }
}

/// The numbers of `buffer` from `begin` on as a tensor of these sizes.
fn part(buffer: &CubeTensor, begin: usize, dims: &[usize]) -> CubeTensor {
    let end = begin + dims.iter().product::<usize>();
    let all = buffer.meta.shape().num_elements();
    let bytes = |numbers: usize| (numbers * DType::F32.size()) as u64;
    let handle = (buffer.handle.clone())
        .offset_start(bytes(begin))
        .offset_end(bytes(all - end));
    CubeTensor::new_contiguous(
        buffer.client.clone(),
        buffer.device.clone(),
        Shape::from(dims.to_vec()),
        handle,
        DType::F32,
    )
}

impl Group {
    fn new(range: Range<usize>, slots: &[Slot], like: &CubeTensor) -> Self {
        let mut elements = 0;
        let mut table: Vec<u32> = Vec::new();
        for slot in &slots[range.clone()] {
            let weight = slot.weight.map_or([0; 3], |weight| {
                let taps = weight.kernel * weight.kernel;
                [taps, weight.in_channels, weight.out_channels]
            });
            let [taps, in_channels, out_channels] = weight;
            let place: [usize; PLACE] = [elements, slot.begin, taps, in_channels, out_channels];
            table.extend(place.map(|number| number as u32));
            elements += slot.count;
        }
        let places = empty(like, &[table.len()], DType::I32);
        write(&places, table);
        Self {
            slots: range,
            elements,
            places,
        }
    }
}
