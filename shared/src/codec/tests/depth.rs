//! Values that are nested deeply.

use super::format::MAX_DEPTH;
use super::*;

#[test]
fn depth_is_bounded_and_a_thousand_levels_pass_on_a_small_stack() {
    let run = || {
        arrives(list(1000));
        let mut deep = serde_json::json!(1);
        for _ in 0..1000 {
            deep = serde_json::Value::Array(vec![deep]);
        }
        arrives(deep);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
    let mut bytes = Vec::new();
    let long = list(5000);
    let error = encode_plain(&long, &mut bytes).unwrap_err();
    assert!(error.contains("nested more than 4096 levels"), "{error}");
    // The whole path would be of no use in an error or a log.
    assert!(error.contains(" … ") && error.len() < 500, "{} bytes", error.len());
}

#[test]
fn every_kind_of_level_is_announced() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Fields { left: Box<Tree>, right: Vec<Tree> },
        Pair(u8, Box<Tree>),
        One(Box<Tree>),
        Maybe(Option<Box<Tree>>),
        Map(BTreeMap<u8, Tree>),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Loose {
        Fields { inner: Box<Loose> },
        Number(u8),
    }
    for depth in [10, 20, 33, 64, 100] {
        let wrap = [
            |tree| Tree::Fields { left: Box::new(tree), right: vec![] },
            |tree| Tree::Fields { left: Box::new(Tree::Leaf), right: vec![tree] },
            |tree| Tree::Pair(1, Box::new(tree)),
            |tree| Tree::One(Box::new(tree)),
            |tree| Tree::Maybe(Some(Box::new(tree))),
            |tree| Tree::Map(BTreeMap::from([(7, tree)])),
        ];
        for wrap in wrap {
            arrives((0..depth).fold(Tree::Leaf, |tree, _| wrap(tree)));
        }
        arrives((0..depth).fold(Tree::Leaf, |tree, level| wrap[level % wrap.len()](tree)));
        let value = (0..depth).fold(serde_json::json!(1), |value, level| match level % 2 {
            0 => serde_json::Value::Array(vec![value]),
            _ => serde_json::Value::Object([("inner".to_string(), value)].into_iter().collect()),
        });
        arrives(value);
        arrives((0..depth).fold(Loose::Number(1), |inner, _| Loose::Fields { inner: Box::new(inner) }));
        let bytes = message(&(0..depth).fold(Tree::Leaf, |tree, level| wrap[level % wrap.len()](tree)));
        decode_plain::<serde_json::Value>(&bytes).unwrap_err();
        let bytes = message(&(0..depth).fold(Tree::Leaf, |tree, level| wrap[level % 5](tree)));
        decode_plain::<serde_json::Value>(&bytes).unwrap();
    }
}

#[test]
fn depth_that_was_not_announced_is_refused() {
    let mut bytes = vec![0];
    bytes.extend([format::SOME; 100_000]);
    bytes.push(format::NONE);
    assert!(decode_plain::<Node>(&bytes).is_err());
    let _ = decode_plain::<serde_json::Value>(&bytes);
    let mut sequences = vec![format::IS_DEEP];
    sequences.extend([format::SEQUENCE, 1].repeat(100_000));
    sequences.extend(u32::MAX.to_le_bytes());
    assert!(decode_plain::<serde_json::Value>(&sequences).unwrap_err().contains("levels"));
    let end = sequences.len() - 4;
    sequences[end..].copy_from_slice(&MAX_DEPTH.to_le_bytes());
    assert!(decode_plain::<serde_json::Value>(&sequences).unwrap_err().contains("levels"));
    let ignored: Result<serde::de::IgnoredAny, String> = decode_plain(&sequences);
    assert!(ignored.is_err());
}

#[test]
fn value_that_is_no_option_of_itself_is_an_error() {
    /// Takes any value for a `Some` that was not written, which holds one of it in turn.
    #[derive(Debug, PartialEq, PartialOrd, Eq, Ord, Serialize, Deserialize)]
    struct Endless(Option<Box<Endless>>);
    arrives(Endless(Some(Box::new(Endless(None)))));
    let too_deep = |error: String| assert!(error.contains("nested more than"), "{error}");
    for bytes in [message(&5u8), message(&"text"), message(&list(2)), vec![0]] {
        too_deep(decode_plain::<Endless>(&bytes).unwrap_err());
    }
    too_deep(decode_plain::<Vec<Endless>>(&message(&[5u64, 6])).unwrap_err());
    too_deep(decode_plain::<BTreeMap<Endless, u32>>(&message(&list(1))).unwrap_err());
}

#[test]
fn large_values_may_be_nested_as_deeply() {
    type Block = [[u64; 32]; 16];
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wide {
        block: Block,
        next: Option<Box<Wide>>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Either {
        End,
        Tuple(Block, Box<Either>),
        Fields { block: Block, next: Box<Either> },
    }
    let run = || {
        let mut wide = Box::new(Wide { block: Block::default(), next: None });
        let mut either = Box::new(Either::End);
        for n in 0..1000 {
            wide = Box::new(Wide { block: Block::default(), next: Some(wide) });
            either = Box::new(match n % 2 {
                0 => Either::Tuple(Block::default(), either),
                _ => Either::Fields { block: Block::default(), next: either },
            });
        }
        arrives(wide);
        arrives(either);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}
