mod codecs;
mod fragmented;
mod hostile;
mod made;
mod progressive;
