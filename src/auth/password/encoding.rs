//! The base64 of crypt(3): six bits to a character, the lowest first, and the bytes of a digest in an order of its own.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Three bytes of a digest make four characters, two make three, and one makes two. The groups are `order` cut in
/// threes; the first of each has the highest bits.
pub fn encode(digest: &[u8], order: &[u8]) -> String {
    let mut text = String::new();
    for group in order.chunks(3) {
        let byte = |index: &u8| u32::from(digest.get(usize::from(*index)).copied().unwrap_or_default());
        let mut bits = group.iter().fold(0, |bits, index| bits << 8 | byte(index));
        for _ in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    }
    text
}

/// Whether a text has such characters alone.
pub fn is_encoded(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}
