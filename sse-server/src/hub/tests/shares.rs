//! What the streams of one address may hold.

use std::net::IpAddr;

use sse_engine::{Selector, StartPoint};

use super::*;

async fn subscribe(hub: &Hub, address: &str, topic: &str) -> Result<Subscriber, SubscribeError> {
    let selectors = hub.selectors(vec![Selector::new(topic).unwrap()], false).unwrap();
    let address: IpAddr = address.parse().unwrap();
    match hub.add_subscriber(selectors, StartPoint::Head, Some(address), None).await? {
        Subscribed::At(subscriber, ..) => Ok(subscriber),
        Subscribed::Ended => panic!("no topic has ended"),
    }
}

#[tokio::test]
async fn an_address_has_a_share_of_the_streams_and_of_the_groups() {
    let mut config = Config::in_memory();
    config.limits.per_address = 4;
    config.limits.groups_per_address = 2;
    let hub = Hub::new(config).unwrap();
    let [one, same, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
    let mut held = Vec::new();
    held.push(subscribe(&hub, one, "a").await.unwrap());
    held.push(subscribe(&hub, same, "b").await.unwrap());
    assert_eq!(subscribe(&hub, one, "c").await.unwrap_err(), SubscribeError::Address, "a third set");
    held.push(subscribe(&hub, one, "a").await.unwrap());
    let others = [subscribe(&hub, other, "c").await.unwrap(), subscribe(&hub, other, "d").await.unwrap()];
    held.push(subscribe(&hub, one, "c").await.expect("a set that another brought"));
    assert_eq!(subscribe(&hub, same, "a").await.unwrap_err(), SubscribeError::Address, "a fifth stream");
    held.truncate(1);
    held.push(subscribe(&hub, one, "e").await.expect("what was given back is free"));
    drop((held, others));
    let state = hub.0.core.state().unwrap();
    assert_eq!((state.share(one.parse().unwrap()), state.share(other.parse().unwrap())), Default::default());
}
