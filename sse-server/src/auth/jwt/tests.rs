//! Tokens that are right, and those that are nearly.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::hmac;
use serde_json::json;

use super::*;
use crate::config::IssuerKeys;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes, and for sixty-four of them too";

/// When the tokens of the file are valid, and what they end with.
const NOW: u64 = 1_999_995_000;
const END: Duration = Duration::from_millis(2_000_000_000_500);

/// Keys of each kind, and tokens that they have signed.
fn made() -> Value {
    serde_json::from_str(include_str!("tokens.json")).unwrap()
}

fn issuer() -> Issuer {
    with(|given| (given.issuer, given.audience) = ("https://issuer.example".into(), vec!["hub".into()]))
}

/// An issuer with the defaults, but for what `set` changes.
fn with(set: impl FnOnce(&mut config::Issuer)) -> Issuer {
    let mut given = config::Issuer::with(IssuerKeys::Secret("secret".into()));
    set(&mut given);
    Issuer { given, leeway: Duration::ZERO }
}

fn secret() -> Keys {
    Keys::of_secret(SECRET.to_vec(), None).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A token with these claims, and what one that is right has besides.
fn token(header: &Value, claims: &Value) -> String {
    let mut all = json!({ "iss": "https://issuer.example", "aud": "hub", "exp": NOW + 60 });
    for (name, claim) in claims.as_object().unwrap() {
        all[name] = claim.clone();
    }
    all.as_object_mut().unwrap().retain(|_, claim| !claim.is_null());
    signed(header, &all.to_string())
}

fn signed(header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    format!("{message}.{}", BASE64.encode(code))
}

fn grant(claims: &Value) -> Result<Grant, String> {
    let token = token(&json!({ "alg": "HS256" }), claims);
    issuer().grant(&token, &secret(), at(NOW)).map_err(|denial| denial.to_string())
}

fn texts(selectors: &[Selector]) -> Vec<String> {
    selectors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_token_of_each_algorithm_is_taken_with_its_key_and_no_other() {
    let made = made();
    let set = Keys::of_set(made["jwks"].to_string().as_bytes()).unwrap();
    for (name, token) in made["tokens"].as_object().unwrap() {
        let token = token.as_str().unwrap();
        let grant = issuer().grant(token, &set, at(NOW)).unwrap_or_else(|denial| panic!("{name}: {denial}"));
        assert_eq!((grant.subject.as_deref(), grant.token.as_deref()), (Some("user 7"), Some("t1")), "{name}");
        assert_eq!(texts(&grant.publish), ["runs/7/**"], "{name}");
        assert_eq!(texts(&grant.subscribe), ["news", "users/7/*"], "{name}");
        assert_eq!(grant.until, Some(UNIX_EPOCH + END), "{name}");

        let algorithm = name.parse::<Algorithm>().unwrap();
        let key = match algorithm {
            Algorithm::ES256 => "p256",
            Algorithm::ES384 => "p384",
            Algorithm::EdDSA => "ed25519",
            _ => "rsa",
        };
        let pem = made["pem"][key].as_str().unwrap().as_bytes();
        let own = match algorithm.family() {
            jsonwebtoken::AlgorithmFamily::Hmac => Keys::of_secret(SECRET.to_vec(), Some(algorithm)),
            _ => Keys::of_pem(pem, Some(algorithm)),
        };
        let own = own.unwrap();
        for (other, token) in made["tokens"].as_object().unwrap() {
            let taken = issuer().grant(token.as_str().unwrap(), &own, at(NOW));
            assert_eq!(taken.is_ok(), other == name, "{other} with the key of {name}: {taken:?}");
        }
    }
}

#[test]
fn what_is_not_signed_by_the_key_for_its_algorithm_is_refused() {
    let made = made();
    let rsa = made["pem"]["rsa"].as_str().unwrap().as_bytes();
    let all = [secret(), Keys::of_pem(rsa, None).unwrap(), Keys::of_set(made["jwks"].to_string().as_bytes()).unwrap()];
    let good = token(&json!({ "alg": "HS256" }), &json!({}));
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, code) = rest.split_once('.').unwrap();
    let other_claims = BASE64.encode(r#"{"exp":9999999999}"#);
    let none = |text: &str| BASE64.encode(format!(r#"{{"alg":"{text}"}}"#));
    let forged = [
        made["unsigned"].as_str().unwrap().to_owned(),
        made["confused"].as_str().unwrap().to_owned(),
        made["critical"].as_str().unwrap().to_owned(),
        format!("{}.{claims}.", none("none")),
        format!("{}.{claims}.{code}", none("None")),
        format!("{}.{claims}.{code}", none("HS512")),
        format!("{}.{claims}.{code}", none("RS256")),
        format!("{head}.{other_claims}.{code}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{}", &code[1..]),
        format!("{head}.{claims}.{code}="),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{code}.{code}"),
        String::new(),
        ".".into(),
        "..".into(),
        "é.é.é".into(),
        token(&json!({ "alg": "HS256", "crit": [] }), &json!({})),
        token(&json!({ "alg": "HS256", "b64": false }), &json!({})),
        token(&json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 }), &json!({})),
        token(&json!({ "alg": "HS256", "kid": "hs512" }), &json!({})),
    ];
    for (place, token) in forged.iter().enumerate() {
        let keys = if place == forged.len() - 1 { &all[2..] } else { &all[..] }; // a key without an ID is any key
        for keys in keys {
            let taken = issuer().grant(token, keys, at(NOW));
            assert!(matches!(taken, Err(Denial::Invalid(_))), "{place}: {token}: {taken:?}");
        }
    }
    assert!(issuer().grant(&good, &all[0], at(NOW)).is_ok());
}

#[test]
fn the_claims_say_for_whom_and_when() {
    for claims in [
        json!({ "aud": ["a", "hub"] }),
        json!({ "exp": NOW as f64 + 0.5 }),
        json!({ "nbf": NOW }),
        json!({ "nbf": NOW as f64 - 0.25 }),
        json!({ "iat": NOW + 1000, "odd": { "claims": [null] } }),
    ] {
        assert_eq!(grant(&claims).err(), None, "{claims}");
    }
    for (claims, part) in [
        (json!({ "iss": "https://other.example" }), "iss"),
        (json!({ "iss": null }), "iss"),
        (json!({ "iss": ["https://issuer.example"] }), "iss"),
        (json!({ "aud": null }), "aud"),
        (json!({ "aud": "Hub" }), "aud"),
        (json!({ "aud": [["hub"]] }), "aud"),
        (json!({ "exp": null }), "exp is missing"),
        (json!({ "exp": (NOW + 60).to_string() }), "exp is no time"),
        (json!({ "exp": -1 }), "exp is no time"),
        (json!({ "exp": 1e300 }), "exp is no time"),
        (json!({ "exp": NOW }), "expired"),
        (json!({ "exp": 0 }), "expired"),
        (json!({ "nbf": NOW + 1 }), "not valid yet"),
        (json!({ "nbf": "soon" }), "nbf is no time"),
    ] {
        let refused = grant(&claims).unwrap_err();
        assert!(refused.contains(part), "{claims}: {refused}");
    }
}

#[test]
fn clocks_may_differ_by_the_leeway_and_the_grant_ends_with_it() {
    let lenient = Issuer { leeway: Duration::from_secs(5), ..issuer() };
    let token = token(&json!({ "alg": "HS256" }), &json!({ "nbf": NOW, "exp": NOW + 10 }));
    let taken = |now: u64| lenient.grant(&token, &secret(), at(now)).ok().and_then(|grant| grant.until);
    assert_eq!(taken(NOW - 6), None);
    assert_eq!(taken(NOW - 5), Some(at(NOW + 15)));
    assert_eq!(taken(NOW + 14), Some(at(NOW + 15)));
    assert_eq!(taken(NOW + 15), None);
}

#[test]
fn without_an_audience_only_tokens_without_one_are_taken() {
    let open = with(|_| {});
    let taken = |claims| open.grant(&token(&json!({ "alg": "HS256" }), &claims), &secret(), at(NOW)).is_ok();
    assert!(taken(json!({ "aud": null, "iss": null })));
    assert!(!taken(json!({})));
}

#[test]
fn grants_are_lists_or_texts_in_claims_of_any_name() {
    let named = |name: &str| {
        let mut named = issuer();
        (named.given.subscribe_claim, named.given.publish_claim) = (name.into(), String::new());
        named
    };
    let read = |name: &str, claims: Value| {
        let token = token(&json!({ "alg": "HS256" }), &claims);
        named(name).grant(&token, &secret(), at(NOW)).map(|grant| {
            assert!(grant.publish.is_empty());
            texts(&grant.subscribe)
        })
    };
    let own = "https://app.example/read";
    assert_eq!(read(own, json!({ own: ["a", "b/*"], "publish": ["c"] })).unwrap(), ["a", "b/*"]);
    assert_eq!(read("mercure.subscribe", json!({ "mercure": { "subscribe": ["a"] } })).unwrap(), ["a"]);
    assert_eq!(read("a.b", json!({ "a.b": "x", "a": { "b": "y" } })).unwrap(), ["x"]);
    assert_eq!(read("scope", json!({ "scope": " a  b/** " })).unwrap(), ["a", "b/**"]);
    for nothing in [json!({}), json!({ "a": null }), json!({ "a": [] }), json!({ "a": { "c": 1 } })] {
        let name = if nothing["a"].is_object() { "a.b" } else { "a" };
        assert_eq!(read(name, nothing).unwrap(), [""; 0]);
    }
    for (claim, part) in [
        (json!(["a", 1]), "something else than texts"),
        (json!(1), "neither a list nor a text"),
        (json!(["a/**/b"]), "no topic or pattern"),
        (json!(vec!["a"; 1_001]), "more than 1000"),
    ] {
        let refused = read("a", json!({ "a": claim })).unwrap_err().to_string();
        assert!(refused.contains(part) && refused.contains("the claim a "), "{refused}");
    }
}

#[test]
fn a_token_names_its_issuer_before_anyone_trusts_it() {
    let of = |token: &str| issuer_of(token).map_err(|denial| denial.to_string());
    assert_eq!(of(&token(&json!({ "alg": "none" }), &json!({}))), Ok(Some("https://issuer.example".into())));
    assert_eq!(of(&token(&json!({ "alg": "HS256" }), &json!({ "iss": null }))), Ok(None));
    assert!(of("sse_6f0c7fa6b0a1_27d6").unwrap_err().contains("no JSON Web Token"));
    let twice = signed(&json!({ "alg": "HS256" }), r#"{"iss":"a","iss":"https://issuer.example","exp":9999999999}"#);
    assert!(of(&twice).is_err(), "which of both is it?");
    let long = token(&json!({ "alg": "HS256" }), &json!({ "more": "x".repeat(MAX_BYTES) }));
    assert!(of(&long).unwrap_err().contains("16384 bytes"));
}

#[test]
fn keys_that_are_none_are_told_of() {
    let made = made();
    let p256 = made["pem"]["p256"].as_str().unwrap().as_bytes();
    let rsa = made["pem"]["rsa"].as_str().unwrap().as_bytes();
    let private = b"-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n";
    let short = br#"{"keys":[{"kty":"oct","k":"c2hvcnQ","alg":"HS256"}]}"#;
    let own = made["jwks"].to_string();
    for (refused, part) in [
        (Keys::of_secret(b"short\n".to_vec(), None), "has 5 bytes; 32"),
        (Keys::of_secret(rsa.to_vec(), None), "not a secret"),
        (Keys::of_secret(own.clone().into_bytes(), None), "not a secret"),
        (Keys::of_secret(SECRET.to_vec(), Some(Algorithm::RS256)), "of another kind"),
        (Keys::of_pem(b"no key", None), "no public key in PEM"),
        (Keys::of_pem(private, None), "a private key"),
        (Keys::of_pem(rsa, Some(Algorithm::HS256)), "of another kind"),
        (Keys::of_pem(p256, Some(Algorithm::ES384)), "is for ES256"),
        (Keys::of_set(b"{}"), "no set of keys"),
        (Keys::of_set(b"{\"keys\":[]}"), "none of the keys"),
        (Keys::of_set(short), "none of the keys"),
        (Keys::of_set(format!("{{\"keys\":{:?}}}", vec![0; 257]).as_bytes()), "256 are the most"),
    ] {
        let told = refused.map(|_| ()).unwrap_err();
        assert!(told.contains(part), "{told}");
    }
    // nine others of the same algorithm do not hide the one that is named
    let mut crowded = made["jwks"].clone();
    let keys = crowded["keys"].as_array_mut().unwrap();
    let other = json!({ "kty": "oct", "k": BASE64.encode([7; 64]), "alg": "HS256" });
    (0..9).for_each(|_| keys.insert(0, other.clone()));
    let crowded = Keys::of_set(crowded.to_string().as_bytes()).unwrap();
    assert!(issuer().grant(made["tokens"]["HS256"].as_str().unwrap(), &crowded, at(NOW)).is_ok());
    let short = json!({ "keys": [{ "kty": "RSA", "n": BASE64.encode([0xff; 128]), "e": "AQAB" }] });
    assert!(Keys::of_set(short.to_string().as_bytes()).is_err());
}
