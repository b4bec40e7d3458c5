//! Values that all who use the same key share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// One value per key, for as long as somebody holds it.
pub struct SharedByKey<K, V>(Mutex<BTreeMap<K, Weak<V>>>);

impl<K: Ord, V> SharedByKey<K, V> {
    /// Without values.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The value of a key, made if nobody holds one.
    pub fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        // Nothing panics while the lock is held.
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|_, value| value.strong_count() > 0);
        values.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let value = Arc::new(make());
            values.insert(key, Arc::downgrade(&value));
            value
        })
    }
}

impl<K: Ord, V> Default for SharedByKey<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shared_for_as_long_as_it_is_held() {
        let values = SharedByKey::<&str, u32>::new();
        let one = values.get("a", || 1);
        assert_eq!((*values.get("a", || 2), *values.get("b", || 3)), (1, 3));
        drop(one);
        assert_eq!(*values.get("a", || 4), 4);
        assert_eq!(values.0.lock().unwrap().len(), 1);
    }
}
