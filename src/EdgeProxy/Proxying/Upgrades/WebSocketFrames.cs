namespace EdgeProxy.Proxying.Upgrades;

/// <summary>Finds the ends of frames (RFC 6455 section 5.2) in one direction of a WebSocket whose bytes arrive in pieces.</summary>
internal struct WebSocketFrames
{
    private const byte CloseOpcode = 0x8;

    private Part _part;
    private bool _isClose;
    private bool _isMasked;
    private int _lengthBytes; // of the extended length, still to come
    private ulong _left;      // of mask and payload, once the length is known

    /// <summary>What the next byte is.</summary>
    private enum Part
    {
        FlagsAndOpcode,
        Length,
        ExtendedLength,
        MaskAndPayload,
    }

    /// <summary>Nothing but whole frames so far.</summary>
    public readonly bool IsBetween => _part == Part.FlagsAndOpcode;

    /// <summary>A Close frame has passed: no other may follow.</summary>
    public bool HasClosed { get; private set; }

    /// <summary>Looks at all bytes.</summary>
    /// <returns>How many of them belong to frames that are whole now; 0: none ends here.</returns>
    public int All(ReadOnlySpan<byte> bytes)
    {
        var whole = 0;
        for (var at = 0; at < bytes.Length;)
        {
            at += Next(bytes[at..]);
            whole = IsBetween ? at : whole;
        }

        return whole;
    }

    /// <summary>Looks at one part of a frame, or what there is of it.</summary>
    /// <returns>How many bytes.</returns>
    private int Next(ReadOnlySpan<byte> bytes)
    {
        switch (_part)
        {
            case Part.FlagsAndOpcode:
                _isClose = (bytes[0] & 0x0F) == CloseOpcode;
                _part = Part.Length;
                return 1;
            case Part.Length:
                _isMasked = (bytes[0] & 0x80) != 0;
                _left = (ulong)bytes[0] & 0x7F;
                _lengthBytes = _left switch { 126 => 2, 127 => 8, _ => 0 };
                _left = _lengthBytes > 0 ? 0 : _left;
                LengthIsKnown(_lengthBytes == 0);
                return 1;
            case Part.ExtendedLength:
                _left = (_left << 8) | bytes[0];
                LengthIsKnown(--_lengthBytes == 0);
                return 1;
            default:
                var count = (int)Math.Min(_left, (ulong)bytes.Length);
                _left -= (ulong)count;
                EndIfNothingIsLeft();
                return count;
        }
    }

    private void LengthIsKnown(bool known)
    {
        _part = Part.ExtendedLength;
        if (known)
        {
            _part = Part.MaskAndPayload;
            _left = (_left & long.MaxValue) + (_isMasked ? 4UL : 0); // the first bit of a length must be 0
            EndIfNothingIsLeft();
        }
    }

    private void EndIfNothingIsLeft()
    {
        if (_left == 0)
        {
            _part = Part.FlagsAndOpcode;
            HasClosed |= _isClose;
        }
    }
}
