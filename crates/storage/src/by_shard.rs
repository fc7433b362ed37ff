//! A map from shard to something, as a table: shard numbers are small and looked up all the time.

/// One value per shard, at most; ordered by shard.
#[derive(Clone, Debug)]
pub(crate) struct ByShard<T> {
    slots: Vec<Option<Box<T>>>,
}

impl<T> Default for ByShard<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> ByShard<T> {
    pub(crate) fn get(&self, shard: u16) -> Option<&T> {
        self.slots.get(usize::from(shard))?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, shard: u16) -> Option<&mut T> {
        self.slots.get_mut(usize::from(shard))?.as_deref_mut()
    }

    pub(crate) fn remove(&mut self, shard: u16) -> Option<T> {
        self.slots.get_mut(usize::from(shard))?.take().map(|held| *held)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &T)> {
        let slots = (0..=u16::MAX).zip(&self.slots);
        slots.filter_map(|(shard, slot)| Some((shard, slot.as_deref()?)))
    }

    /// Returns the first shard at or after one that has a value.
    pub(crate) fn first_from(&self, shard: u16) -> Option<u16> {
        let slots = self.slots.iter().enumerate().skip(usize::from(shard));
        let found = slots.filter(|(_, slot)| slot.is_some()).map(|(shard, _)| shard).next()?;
        u16::try_from(found).ok()
    }
}

impl<T: Default> ByShard<T> {
    pub(crate) fn get_or_default(&mut self, shard: u16) -> &mut T {
        self.get_or_insert(shard, T::default)
    }
}

impl<T> ByShard<T> {
    pub(crate) fn get_or_insert(&mut self, shard: u16, new: impl FnOnce() -> T) -> &mut T {
        let index = usize::from(shard);
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index].get_or_insert_with(|| Box::new(new()))
    }
}
