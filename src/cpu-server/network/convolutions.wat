;; The inner loops of the built-in network. Channels are 32-bit floats, side by side for each pixel.
;; `npm run generate` assembles this file into convolutions.ts.
(module
  (import "host" "memory" (memory 1))

  ;; A 3x3 convolution to 8 channels along a part of a row, four pixels at a time. Writes the 16
  ;; features of each pixel: the positive parts of the channels, then those of the negated channels.
  (func (export "convolve")
    ;; Addresses: of the upper left neighbour of the first pixel, of the first pixel's features, and of
    ;; 8 biases, followed by 8 weights for each channel of each of the nine neighbours.
    (param $source i32) (param $target i32) (param $weights i32)
    ;; The bytes of a pixel and of a row of the source.
    (param $pixel i32) (param $row i32)
    ;; How many pixels. Rounded up to a multiple of 4.
    (param $count i32)
    (local $pixel2 i32) (local $pixel3 i32)
    (local $line i32) (local $lineEnd i32) (local $at i32) (local $end i32) (local $weight i32)
    (local $x v128) (local $w0 v128) (local $w1 v128)
    (local $a0 v128) (local $a1 v128) (local $b0 v128) (local $b1 v128)
    (local $c0 v128) (local $c1 v128) (local $d0 v128) (local $d1 v128)
    (local.set $pixel2 (i32.mul (local.get $pixel) (i32.const 2)))
    (local.set $pixel3 (i32.mul (local.get $pixel) (i32.const 3)))
    (loop $pixels
      (local.set $a0 (v128.load (local.get $weights)))
      (local.set $a1 (v128.load offset=16 (local.get $weights)))
      (local.set $b0 (local.get $a0)) (local.set $b1 (local.get $a1))
      (local.set $c0 (local.get $a0)) (local.set $c1 (local.get $a1))
      (local.set $d0 (local.get $a0)) (local.set $d1 (local.get $a1))
      (local.set $weight (i32.add (local.get $weights) (i32.const 32)))
      (local.set $line (local.get $source))
      (local.set $lineEnd (i32.add (local.get $source) (i32.mul (local.get $row) (i32.const 3))))
      (loop $lines
        (local.set $at (local.get $line))
        (local.set $end (i32.add (local.get $line) (local.get $pixel3)))
        (loop $channels
          (local.set $w0 (v128.load (local.get $weight)))
          (local.set $w1 (v128.load offset=16 (local.get $weight)))
          (local.set $x (v128.load32_splat (local.get $at)))
          (local.set $a0 (f32x4.add (local.get $a0) (f32x4.mul (local.get $x) (local.get $w0))))
          (local.set $a1 (f32x4.add (local.get $a1) (f32x4.mul (local.get $x) (local.get $w1))))
          (local.set $x (v128.load32_splat (i32.add (local.get $at) (local.get $pixel))))
          (local.set $b0 (f32x4.add (local.get $b0) (f32x4.mul (local.get $x) (local.get $w0))))
          (local.set $b1 (f32x4.add (local.get $b1) (f32x4.mul (local.get $x) (local.get $w1))))
          (local.set $x (v128.load32_splat (i32.add (local.get $at) (local.get $pixel2))))
          (local.set $c0 (f32x4.add (local.get $c0) (f32x4.mul (local.get $x) (local.get $w0))))
          (local.set $c1 (f32x4.add (local.get $c1) (f32x4.mul (local.get $x) (local.get $w1))))
          (local.set $x (v128.load32_splat (i32.add (local.get $at) (local.get $pixel3))))
          (local.set $d0 (f32x4.add (local.get $d0) (f32x4.mul (local.get $x) (local.get $w0))))
          (local.set $d1 (f32x4.add (local.get $d1) (f32x4.mul (local.get $x) (local.get $w1))))
          (local.set $weight (i32.add (local.get $weight) (i32.const 32)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $channels (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $line (i32.add (local.get $line) (local.get $row)))
        (br_if $lines (i32.lt_u (local.get $line) (local.get $lineEnd))))
      (call $split (local.get $target) (local.get $a0) (local.get $a1))
      (call $split (i32.add (local.get $target) (i32.const 64)) (local.get $b0) (local.get $b1))
      (call $split (i32.add (local.get $target) (i32.const 128)) (local.get $c0) (local.get $c1))
      (call $split (i32.add (local.get $target) (i32.const 192)) (local.get $d0) (local.get $d1))
      (local.set $target (i32.add (local.get $target) (i32.const 256)))
      (local.set $source (i32.add (local.get $source) (i32.mul (local.get $pixel) (i32.const 4))))
      (local.set $count (i32.sub (local.get $count) (i32.const 4)))
      (br_if $pixels (i32.gt_s (local.get $count) (i32.const 0)))))

  (func $split (param $target i32) (param $low v128) (param $high v128)
    (local $zero v128)
    (v128.store (local.get $target) (f32x4.pmax (local.get $zero) (local.get $low)))
    (v128.store offset=16 (local.get $target) (f32x4.pmax (local.get $zero) (local.get $high)))
    (v128.store offset=32 (local.get $target)
      (f32x4.pmax (local.get $zero) (f32x4.neg (local.get $low))))
    (v128.store offset=48 (local.get $target)
      (f32x4.pmax (local.get $zero) (f32x4.neg (local.get $high)))))

  ;; Adds the part of a 1x1 convolution to 12 channels that comes from 16 features, along a part of a
  ;; row.
  (func (export "gather")
    ;; Addresses: of the first pixel's features, of its 12 sums, and of 12 weights for each feature.
    (param $features i32) (param $sums i32) (param $weights i32)
    (param $count i32)
    (local $end i32) (local $weight i32)
    (local $x v128) (local $a v128) (local $b v128) (local $c v128)
    (loop $pixels
      (local.set $a (v128.load (local.get $sums)))
      (local.set $b (v128.load offset=16 (local.get $sums)))
      (local.set $c (v128.load offset=32 (local.get $sums)))
      (local.set $weight (local.get $weights))
      (local.set $end (i32.add (local.get $features) (i32.const 64)))
      (loop $channels
        (local.set $x (v128.load32_splat (local.get $features)))
        (local.set $a (f32x4.add (local.get $a)
          (f32x4.mul (local.get $x) (v128.load (local.get $weight)))))
        (local.set $b (f32x4.add (local.get $b)
          (f32x4.mul (local.get $x) (v128.load offset=16 (local.get $weight)))))
        (local.set $c (f32x4.add (local.get $c)
          (f32x4.mul (local.get $x) (v128.load offset=32 (local.get $weight)))))
        (local.set $weight (i32.add (local.get $weight) (i32.const 48)))
        (local.set $features (i32.add (local.get $features) (i32.const 4)))
        (br_if $channels (i32.lt_u (local.get $features) (local.get $end))))
      (v128.store (local.get $sums) (local.get $a))
      (v128.store offset=16 (local.get $sums) (local.get $b))
      (v128.store offset=32 (local.get $sums) (local.get $c))
      (local.set $sums (i32.add (local.get $sums) (i32.const 48)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $pixels (local.get $count)))))
