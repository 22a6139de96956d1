// The name of a CUDA stream where CUDA's own headers are not seen.
#pragma once

struct CUstream_st;
using cudaStream_t = CUstream_st*;
