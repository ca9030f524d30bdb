// Activation rows as the kernels read them: codes already widened to i16, then the sums of each 16 codes (i16), then
// the blocks' scales (f32); rows on multiples of 16 bytes.

// @ts-ignore: decorator
@inline
export function sumsOffset(rowLength: i32): usize { return <usize>rowLength << 1; }
// @ts-ignore: decorator
@inline
export function scalesOffset(rowLength: i32): usize { return (<usize>rowLength << 1) + (<usize>rowLength >> 3); }
// @ts-ignore: decorator
@inline
export function rowStride(rowLength: i32, isSuper: bool): usize {
  return (scalesOffset(rowLength) + ((<usize>rowLength >> (isSuper ? 8 : 5)) << 2) + 15) & ~15;
}
