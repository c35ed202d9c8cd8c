use super::super::NotJson;
use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// What the list says, as serde_json would; of a key that is there twice the last counts.
fn value(node: Node<'_>) -> Option<Value> {
    if node.is_null() {
        return Some(Value::Null);
    }
    if node.is_list() {
        return node
            .items()
            .map(value)
            .collect::<Option<Vec<_>>>()
            .map(Value::Array);
    }
    if node.is_object() {
        let members = node
            .members()
            .map(|(key, node)| Some((key.text().into_owned(), value(node)?)));
        return members
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object);
    }
    let text = node.text().map(|text| Value::String(text.into_owned()));
    let number = || node.number().and_then(|number| serde_json::from_str(number).ok());
    text.or_else(|| node.flag().map(Value::Bool)).or_else(number)
}

/// Both readers agree: whether it is JSON, and what it says. Where serde_json refuses for its own reasons (an
/// escape that is half a character, a number beyond its range, nesting), skipping it must still agree.
fn agree(text: &str) {
    let ours = Document::parse(text);
    let skipped = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    assert_eq!(ours.is_ok(), skipped, "{text:?}");
    if let (Ok(document), Ok(theirs)) = (ours, serde_json::from_str::<Value>(text)) {
        assert_eq!(value(document.root()), Some(theirs), "{text:?}");
    }
}

#[test]
fn what_serde_json_takes_is_taken_and_the_rest_is_not() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[]",
        "{}",
        "[,]",
        "[1,]",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        r#"{a:1}"#,
        "[1 2]",
        "[1}",
        "{]",
        "nul",
        "null",
        "nullx",
        "true",
        "tru",
        "false",
        "-",
        "0",
        "-0",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e",
        "1e5",
        "1E+05",
        "1e-",
        "--1",
        "+1",
        "1 ",
        " 1",
        "1 1",
        "\"",
        "\"a",
        "\"a\"",
        "\"\\",
        "\"\\\"",
        r#""\n\t\/\u00e9""#,
        r#""\u12"#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\x""#,
        r#""\ud83d\ude00""#,
        "\"a\tb\"",
        "\"\u{7f}\u{e9}\u{20ac}\u{1f600}\"",
        "\"exactly 8\"",
        "\"12345678\\\"\"",
        "{\"a\":{\"b\":[[],{},\"\"]}}",
        "\u{feff}1",
        "{} x",
        "[[[[[[[[]]]]]]]]",
        "1e400",
        "123456789012345678901234567890.5",
    ] {
        agree(text);
    }
    for (text, why) in [
        ("[1", NotJson::Short),
        ("tr", NotJson::Short),
        (r#"{"a":tx}"#, NotJson::Malformed),
    ] {
        assert_eq!(Document::parse(text).err(), Some(why), "{text}");
    }
}

#[test]
fn a_string_ends_where_it_ends_however_long_it_is() {
    for length in 0..200 {
        let text = "x".repeat(length);
        for inside in [
            "", "\\\"", "\\", "\u{7f}", "\u{1f}", "\u{e9}", "\u{80}", "\\u0041", "\n", " ",
        ] {
            agree(&format!("[\"{text}{inside}\",\"{inside}{text}\"]"));
            agree(&format!("{{\"{text}\":{{\"a\":[]}},\"{inside}\":1}}"));
            agree(&format!("\"{text}{inside}"));
        }
    }
}

/// Something of everything, most of it where the scanner takes a short way or has to leave one.
const ALL: &str = concat!(
    r#"{"a":"b","c":"d","e":{"f":"g"},"h":["i","j"],"k\"l":"m","n":"o\\","p":"\u00e9","":"","q":-1.5e+3,"#,
    r#""r":[true,false,null,{},[],[[{"s":"t","u":0}]]],"v":"w" , "x" : "y"}"#
);

#[test]
fn one_byte_changed_is_judged_as_serde_json_judges_it() {
    // In front of it so many spaces that blocks end at other places.
    for shift in [0, 21, 42] {
        let text = format!("{}{ALL}", " ".repeat(shift));
        for at in shift..text.len() {
            for byte in b"{}[]\",:\\ \n\x01\x7f0-eu" {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = *byte;
                agree(std::str::from_utf8(&bytes).unwrap());
            }
        }
    }
}

#[test]
fn what_was_cut_off_is_short() {
    for end in 0..ALL.len() {
        assert_eq!(Document::parse(&ALL[..end]).err(), Some(NotJson::Short), "{end}");
    }
    for (text, behind) in [
        ("\"a\"", ",\"b\""),
        ("[]", ",[]"),
        ("{}", "}"),
        ("1", ":1"),
        ("null", "]"),
    ] {
        assert!(Document::parse(text).is_ok());
        let more = [text, behind].concat();
        assert_eq!(Document::parse(&more).err(), Some(NotJson::Malformed), "{more}");
    }
}

#[test]
fn spaces_stand_between_all_that_is_written() {
    let tokens = [
        "{", "\"a\"", ":", "\"b\"", ",", "\"c\"", ":", "[", "1", ",", "\"d\"", ",", "{", "}", "]", "}",
    ];
    let plain: Value = serde_json::from_str(&tokens.concat()).unwrap();
    for first in ["", " ", "\n", "\r\n", "\t", "\u{b}", "\u{a0}"] {
        for length in 0..40 {
            let spaces = format!(
                "{first}{}",
                if length % 2 == 0 { " " } else { "\t" }.repeat(length)
            );
            let text = tokens.join(&spaces);
            agree(&text);
            if let Ok(document) = Document::parse(&text) {
                assert_eq!(value(document.root()).as_ref(), Some(&plain), "{text:?}");
            }
        }
    }
}

#[test]
fn a_key_is_found_however_it_is_written() {
    let text = r#"{"b":[{"a":0}],"a\u0062":1,"ab":2,"a":3,"a":4,"\ud83d":5}"#;
    let document = Document::parse(text).unwrap();
    let number = |name: &str| document.root().member(name).and_then(Node::number);
    assert_eq!(
        (number("ab"), number("a"), number("c")),
        (Some("1"), Some("3"), None)
    );
    assert!(
        document.root().member("b").unwrap().member("a").is_none(),
        "no object"
    );
    let keys: Vec<_> = document.root().members().map(|(key, _)| key.text()).collect();
    assert_eq!(keys, ["b", "ab", "ab", "a", "a", ""]);
}

#[test]
fn values_are_given_back_as_they_came() {
    let text = r#"{"a": [1.50, "x\u0041", {"b" : null}], "c":"plain"}"#;
    let document = Document::parse(text).unwrap();
    let (_, list) = document.root().members().next().unwrap();
    assert_eq!(list.raw(), r#"[1.50, "x\u0041", {"b" : null}]"#);
    let items: Vec<Node<'_>> = list.items().collect();
    assert_eq!(items[0].number(), Some("1.50"));
    assert_eq!(
        (items[1].raw(), items[1].text().as_deref()),
        (r#""x\u0041""#, Some("xA"))
    );
    assert!(matches!(
        document.root().members().nth(1).unwrap().1.text(),
        Some(Cow::Borrowed("plain"))
    ));
}

#[test]
fn half_a_character_is_json_but_no_text() {
    let document = Document::parse(r#"["\ud83d",1]"#).unwrap();
    assert_eq!(document.root().items().next().unwrap().text(), None);
}

#[test]
fn nesting_costs_no_stack() {
    let deep = "[".repeat(2_000_000);
    assert_eq!(Document::parse(&deep).err(), Some(NotJson::Short));
    let closed = format!("{deep}{}", "]".repeat(2_000_000));
    assert!(Document::parse(&closed).is_ok());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\u{0}-\u{1f}]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_is_read_as_serde_json_reads_it(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        agree(&text.unwrap());
    }

    #[test]
    fn damaged_text_is_judged_as_serde_json_judges_it(
        value in json(),
        edits in prop::collection::vec((0_usize..4_000, prop::sample::select(
            b"{}[]\",:0123456789-+.eEtfnrul\\/ \n\t\x00\x1f".to_vec())), 1..4),
        cut in 1_usize..4_000,
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        for (at, byte) in edits {
            let place = at % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(cut);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agree(text);
        }
    }
}

#[test]
fn depth_counts_what_is_open_at_once() {
    let depth = |text: &str| Document::parse(text).unwrap().root().depth();
    for (text, deep) in [
        ("1", 0),
        ("[]", 1),
        (r#"{"a":[1,{"b":[]},[]],"c":{}}"#, 4),
        (r#"[[],[],[[]]]"#, 3),
    ] {
        assert_eq!(depth(text), deep, "{text}");
    }
    let document = Document::parse(r#"[{"a":[[]]},1]"#).unwrap();
    let depths: Vec<usize> = document.root().items().map(Node::depth).collect();
    assert_eq!(depths, [3, 0], "only what stands in it");
}
