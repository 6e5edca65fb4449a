//! Choosing among adapters: every rule of the flags, on lists made up for it.

use gpu_mnist::commands::slots::listed;
use gpu_mnist::config::{Api, DeviceConfig, DeviceKind};
use gpu_mnist::device::{AdapterInfo, DeviceError, fitting, select};

fn adapter(index: usize, name: &str, adapter_type: &str) -> AdapterInfo {
    AdapterInfo {
        index,
        name: name.into(),
        api: "vulkan".into(),
        adapter_type: adapter_type.into(),
        driver: "1.0".into(),
        id: "10de:1234".into(),
        bus: String::new(),
        subgroup: None,
    }
}

fn wish(kind: DeviceKind, adapter: &str, hardware_only: bool) -> DeviceConfig {
    DeviceConfig {
        kind,
        adapter: adapter.into(),
        api: Api::Any,
        hardware_only,
        check: true,
        kernels: gpu_mnist::kernels::Kernels::Fused,
        replay: true,
    }
}

#[test]
fn auto_takes_hardware_and_never_software() {
    let both = [
        adapter(0, "Fast Card", "discrete"),
        adapter(1, "llvmpipe", "software"),
    ];
    let auto = wish(DeviceKind::Auto, "", false);
    assert_eq!(select(&both, &auto).expect("hardware").0, Some(0));
    let (position, reason) = select(&both[1..], &auto).expect("the CPU");
    assert_eq!(position, None);
    assert!(reason.contains("only software (llvmpipe)"), "{reason}");
    let (position, reason) = select(&[], &auto).expect("the CPU");
    assert_eq!(position, None);
    assert!(reason.contains("no GPU adapter found"), "{reason}");
}

#[test]
fn gpu_takes_software_only_when_there_is_nothing_else_and_it_may() {
    let software = [adapter(0, "llvmpipe", "software")];
    let gpu = wish(DeviceKind::Gpu, "", false);
    assert_eq!(select(&software, &gpu).expect("software").0, Some(0));
    let refused = select(&software, &wish(DeviceKind::Gpu, "", true));
    assert!(matches!(refused, Err(DeviceError::OnlySoftware { .. })));
    let nothing = select(&[], &gpu)
        .map(|_| ())
        .expect_err("no adapter")
        .to_string();
    assert!(nothing.contains("--device cpu"), "{nothing}");
}

#[test]
fn an_adapter_is_named_by_number_or_part_of_its_name() {
    let both = [
        adapter(0, "Fast Card", "discrete"),
        adapter(1, "llvmpipe", "software"),
    ];
    for (name, expected) in [("1", 1), ("LLVM", 1), ("card", 0), ("0", 0)] {
        let wish = wish(DeviceKind::Auto, name, false);
        assert_eq!(
            select(&both, &wish).expect("named").0,
            Some(expected),
            "{name}"
        );
    }
    for name in ["nonsense", "2"] {
        let error = select(&both, &wish(DeviceKind::Auto, name, false)).map(|_| ());
        let text = error.expect_err("no match").to_string();
        assert!(
            text.contains(name) && text.contains("1: llvmpipe"),
            "{text}"
        );
    }
    let refused = select(&both, &wish(DeviceKind::Auto, "1", true));
    assert!(matches!(refused, Err(DeviceError::OnlySoftware { .. })));
}

/// People write 3060 and 580: a number that no adapter has is part of a name.
#[test]
fn a_number_that_is_no_index_is_part_of_a_name() {
    let found = [
        adapter(0, "NVIDIA GeForce RTX 3060 Ti", "discrete"),
        adapter(1, "NVIDIA GeForce RTX 3060", "discrete"),
        adapter(2, "AMD Radeon RX 580", "discrete"),
        adapter(3, "llvmpipe (LLVM 15.0.6, 256 bits)", "software"),
    ];
    let reason = |name: &str| select(&found, &wish(DeviceKind::Auto, name, false)).expect("named");
    for (name, expected) in [
        ("256", 3),
        ("580", 2),
        ("3", 3),
        ("llvm", 3),
        ("rtx 3060", 0),
    ] {
        assert_eq!(reason(name).0, Some(expected), "{name}");
    }
    let (position, text) = reason("3060");
    assert_eq!(position, Some(0));
    assert!(text.contains("the best of 2 that fit"), "{text}");
    assert!(!reason("580").1.contains("fit"));
    // A whole word comes before a part of another.
    assert_eq!(fitting(&found, "ti"), [0]);
    assert_eq!(fitting(&found, "nvidia"), [0, 1]);
    assert!(fitting(&found, "99").is_empty());
}

/// An adapter that a list names twice still has room for one training at a time.
#[test]
fn a_list_of_adapters_names_each_once() {
    let infos = [
        adapter(0, "Radeon RX 6800", "discrete"),
        adapter(1, "GeForce RTX 3060", "discrete"),
        adapter(2, "llvmpipe", "software"),
    ];
    let config = wish(DeviceKind::Auto, "", false);
    for (list, adapters, processor) in [
        ("0,1,0", vec![0, 1], false),
        ("geforce, 1 ,cpu,cpu", vec![1], true),
        ("2,all,0", vec![2, 0, 1], true),
        (" , ", vec![], false),
    ] {
        let found = listed(list, &infos, &config).expect("a list");
        assert_eq!(found, (adapters, processor), "{list}");
    }
    let refused = listed("0,voodoo", &infos, &config).expect_err("not there");
    let said = refused.to_string();
    assert!(
        said.contains("--adapters: no adapter matches voodoo"),
        "{said}"
    );
    assert!(said.contains("1: GeForce RTX 3060"), "{said}");
}
