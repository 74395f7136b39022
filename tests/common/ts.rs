//! Reads MPEG transport streams with a demultiplexer that nobody here wrote.

use std::collections::HashMap;

use mpeg2ts_reader::demultiplex::{
    Demultiplex, DemuxContext, FilterChangeset, FilterRequest, NullPacketFilter, PatPacketFilter,
    PmtPacketFilter,
};
use mpeg2ts_reader::packet::Packet;
use mpeg2ts_reader::packet_filter_switch;
use mpeg2ts_reader::pes::{ElementaryStreamConsumer, PesContents, PesHeader, PesPacketFilter, PtsDts};
use mpeg2ts_reader::psi::pat::PAT_PID;

pub use mpeg2ts_reader::StreamType;

/// One PES packet. Times are in ticks of 90 kHz.
#[derive(Debug, Clone)]
pub struct Unit {
    pub stream: StreamType,
    pub pts: u64,
    pub dts: u64,
    pub payload: Vec<u8>,
}

impl Unit {
    pub fn is_video(&self) -> bool {
        matches!(self.stream, StreamType::H264 | StreamType::H265)
    }

    /// The types of its NAL units.
    pub fn nal_types(&self) -> Vec<u8> {
        let starts = self.payload.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]);
        let kind = |byte: u8| if self.stream == StreamType::H265 { byte >> 1 & 0x3f } else { byte & 0x1f };
        starts.map(|bytes| kind(bytes[3])).collect()
    }

    /// A decoder can begin with it: a picture of its own, behind a delimiter and parameter sets.
    pub fn can_begin(&self) -> bool {
        let types = self.nal_types();
        match self.stream {
            StreamType::H265 => {
                types.starts_with(&[35, 32, 33, 34]) && types.iter().any(|kind| (16..=21).contains(kind))
            }
            _ => types.starts_with(&[9, 7, 8]) && types.contains(&5),
        }
    }
}

/// The contents of a fragment.
#[derive(Default)]
pub struct Fragment {
    /// PES packets in the order in which they begin.
    pub units: Vec<Unit>,
    /// Program clock references, in ticks of 27 MHz.
    pub clocks: Vec<u64>,
    changes: FilterChangeset<Filter>,
    /// By stream: the place in `units` of the one in progress.
    open: HashMap<StreamType, usize>,
}

packet_filter_switch! {
    Filter<Fragment> {
        Pes: PesPacketFilter<Fragment, Elementary>,
        Pat: PatPacketFilter<Fragment>,
        Pmt: PmtPacketFilter<Fragment>,
        Null: NullPacketFilter<Fragment>,
    }
}

impl DemuxContext for Fragment {
    type F = Filter;

    fn filter_changeset(&mut self) -> &mut FilterChangeset<Filter> {
        &mut self.changes
    }

    fn construct(&mut self, request: FilterRequest<'_, '_>) -> Filter {
        match request {
            FilterRequest::ByPid(PAT_PID) => Filter::Pat(PatPacketFilter::default()),
            FilterRequest::Pmt { pid, program_number } => {
                Filter::Pmt(PmtPacketFilter::new(pid, program_number))
            }
            FilterRequest::ByStream { stream_type, .. } => {
                Filter::Pes(PesPacketFilter::new(Elementary(stream_type)))
            }
            FilterRequest::ByPid(pid) => panic!("{pid:?} is in no table before it comes"),
            FilterRequest::Nit { .. } => Filter::Null(NullPacketFilter::default()),
        }
    }
}

/// Gathers one elementary stream.
pub struct Elementary(StreamType);

impl ElementaryStreamConsumer<Fragment> for Elementary {
    fn start_stream(&mut self, _: &mut Fragment) {}

    fn begin_packet(&mut self, fragment: &mut Fragment, header: PesHeader<'_>) {
        let PesContents::Parsed(Some(contents)) = header.contents() else { panic!("a bare PES header") };
        let (pts, dts) = match contents.pts_dts().unwrap() {
            PtsDts::PtsOnly(Ok(pts)) => (pts.value(), pts.value()),
            PtsDts::Both { pts: Ok(pts), dts: Ok(dts) } => (pts.value(), dts.value()),
            other => panic!("a PES packet without a time: {other:?}"),
        };
        fragment.open.insert(self.0, fragment.units.len());
        let payload = contents.payload().to_vec();
        fragment.units.push(Unit { stream: self.0, pts, dts, payload });
    }

    fn continue_packet(&mut self, fragment: &mut Fragment, data: &[u8]) {
        let index = fragment.open[&self.0];
        fragment.units[index].payload.extend_from_slice(data);
    }

    fn end_packet(&mut self, _: &mut Fragment) {}

    fn continuity_error(&mut self, _: &mut Fragment) {
        panic!("a gap in the continuity counters of {:?}", self.0);
    }
}

/// Continuity counters, which run on from fragment to fragment.
#[derive(Default)]
pub struct Counters(HashMap<u16, u8>);

/// Reads one fragment on its own, as a player that begins with it does.
pub fn parse(bytes: &[u8], counters: &mut Counters) -> Fragment {
    assert!(!bytes.is_empty() && bytes.len().is_multiple_of(Packet::SIZE), "{} bytes", bytes.len());
    let mut fragment = Fragment::default();
    for (index, bytes) in bytes.chunks(Packet::SIZE).enumerate() {
        let packet = Packet::try_new(bytes).expect("a sync byte");
        assert!(!packet.transport_error_indicator());
        let (pid, counter) = (u16::from(packet.pid()), packet.continuity_counter().count());
        // PAT, PMT, then media.
        assert_eq!(pid == 0, index == 0, "packet {index} is of PID {pid}");
        assert!(index != 1 || packet.payload().unwrap()[1] == 2, "the second packet is the program map");
        if let Some(last) = counters.0.insert(pid, counter) {
            let step = u8::from(packet.adaptation_control().has_payload());
            assert_eq!(counter, (last + step) % 16, "continuity counter of PID {pid} in packet {index}");
        }
        if let Some(Ok(clock)) = packet.adaptation_field().map(|field| field.pcr()) {
            fragment.clocks.push(clock.into());
        }
    }
    let mut demultiplexer = Demultiplex::new(&mut fragment);
    demultiplexer.push(&mut fragment, bytes);
    fragment
}
