//! One link between two ends in one process: what the node hears, in which order.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use wire::ProtocolVersion;

use super::*;

const PEER: NodeId = NodeId(2);

/// An end of a link that has been greeted already.
fn greeted(socket: TcpStream) -> Greeted {
    let encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    Greeted {
        node: PEER,
        socket: socket.into(),
        encoder,
        decoder: Decoder::new(),
        input: Vec::new(),
    }
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialled, listener.accept().await.unwrap().0)
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future);
}

/// One end and what its node has heard.
struct End {
    link: Rc<Link>,
    inbox: Rc<Inbox>,
}

impl End {
    fn new(queue_size_max: usize) -> Self {
        let link = Rc::new(Link::new(PEER, Duration::ZERO, queue_size_max));
        Self { link, inbox: Rc::default() }
    }

    /// Uses a connection in the background.
    fn connect(&self, socket: TcpStream) -> tokio::task::JoinHandle<String> {
        let (link, inbox) = (Rc::clone(&self.link), Rc::clone(&self.inbox));
        spawn_local(async move { link.run(greeted(socket), &inbox).await.to_string() })
    }

    fn send(&self, text: &str) {
        let message = Message::Gossip(text.as_bytes().into());
        self.link.send(&message, Instant::now()).unwrap();
        self.link.flush(Instant::now());
    }

    /// Waits for the next event and says it in a word.
    async fn heard(&self) -> String {
        let hear = async {
            self.inbox.arrived().await;
            match self.inbox.take(1).pop().map(|(_, event)| event) {
                Some(Event::LinkUp(PEER)) => "up".to_owned(),
                Some(Event::LinkDown(PEER)) => "down".to_owned(),
                Some(Event::Received { from: PEER, message: Message::Gossip(bytes) }) => {
                    String::from_utf8(bytes.into_vec()).unwrap()
                }
                other => panic!("nobody said {other:?}"),
            }
        };
        tokio::time::timeout(Duration::from_secs(5), hear).await.expect("something is heard")
    }
}

#[test]
fn what_is_sent_arrives_in_order_between_up_and_down() {
    run(async {
        let (a, b) = (End::new(1 << 20), End::new(1 << 20));
        a.send("nobody is there yet");
        let (one, two) = sockets().await;
        let (running, _other) = (a.connect(one), b.connect(two));
        assert_eq!((a.heard().await, b.heard().await), ("up".into(), "up".into()));
        a.send("first");
        a.send("second");
        b.send("answer");
        assert_eq!(b.heard().await, "first");
        assert_eq!(b.heard().await, "second");
        assert_eq!(a.heard().await, "answer");
        a.link.set_cut(true);
        assert_eq!((a.heard().await, b.heard().await), ("down".into(), "down".into()));
        assert_eq!(running.await.unwrap(), "it was cut");
        assert_eq!(a.link.dropped_count(), 0, "what has no way is not counted as dropped");
    });
}

#[test]
fn a_new_connection_takes_the_place_of_the_old_one() {
    run(async {
        let a = End::new(1 << 20);
        let (first, _first_peer) = sockets().await;
        let running = a.connect(first);
        assert_eq!(a.heard().await, "up");
        let (second, second_peer) = sockets().await;
        let _other = a.connect(second);
        assert_eq!((a.heard().await, a.heard().await), ("down".into(), "up".into()));
        assert!(running.await.unwrap().contains("newer connection"));
        let b = End::new(1 << 20);
        let _peer = b.connect(second_peer);
        assert_eq!(b.heard().await, "up");
        b.send("over the new one");
        assert_eq!(a.heard().await, "over the new one");
        assert!(a.link.is_up());
    });
}

#[test]
fn a_peer_that_does_not_read_costs_no_more_than_the_bound() {
    run(async {
        let a = End::new(1 << 16);
        let (one, _silent) = sockets().await;
        let _running = a.connect(one);
        assert_eq!(a.heard().await, "up");
        let text = "x".repeat(1 << 15);
        // Far more than the system's own buffers take.
        for _ in 0..2000 {
            a.send(&text);
        }
        assert!(a.link.dropped_count() > 0);
        let connection = a.link.connection.borrow();
        let size = connection.as_ref().unwrap().outgoing.size();
        assert!(size <= (1 << 16) + (1 << 15) + 64, "{size} bytes wait");
    });
}

#[test]
fn bytes_that_make_no_sense_end_the_connection() {
    run(async {
        let a = End::new(1 << 20);
        let (one, stranger) = sockets().await;
        let running = a.connect(one);
        assert_eq!(a.heard().await, "up");
        stranger.writable().await.unwrap();
        stranger.try_write(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(a.heard().await, "down");
        assert!(running.await.unwrap().contains("it sent a frame of"));
    });
}
