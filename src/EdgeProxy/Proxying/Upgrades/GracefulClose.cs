using System.Security.Cryptography;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>One direction of a WebSocket: watches where frames end, and on request sends a Close frame (1001) behind a whole one. Nothing follows it.</summary>
/// <remarks>
/// The copy calls <see cref="Begin"/> and <see cref="EndAsync"/> around each write; <see cref="RequestAsync"/> may come at any time. Only one of them
/// writes at a time.
/// </remarks>
/// <param name="destination">Where the frames go.</param>
/// <param name="masked">As a client sends frames (RFC 6455 section 5.3).</param>
/// <param name="closed">Called when the receiver has been sent a Close frame on request, or had one from the other end before.</param>
internal sealed class GracefulClose(Stream destination, bool masked, Action? closed)
{
    /// <summary>An unmasked Close frame, status 1001 (RFC 6455 section 7.4.1).</summary>
    private static readonly byte[] _goingAway = [0x88, 2, 0x03, 0xE9];

    private readonly Lock _turn = new(); // for the fields; never held while something is written
    private WebSocketFrames _frames;
    private State _state;

    private enum State
    {
        /// <summary>Nothing is being written.</summary>
        Idle,

        /// <summary>The copy writes.</summary>
        Writing,

        /// <summary>Close was requested in the middle of a frame; nothing is being written.</summary>
        Requested,

        /// <summary>Close was requested; the copy writes.</summary>
        RequestedWriting,

        /// <summary>The copy writes the last of the frame that had to be finished.</summary>
        LastWriting,

        /// <summary>The Close frame was sent, or is being sent: what comes is discarded.</summary>
        Closed,
    }

    /// <summary>The source itself has sent a Close frame.</summary>
    public bool HasSourceClosed
    {
        get
        {
            lock (_turn)
            {
                return _frames.HasClosed;
            }
        }
    }

    /// <summary>The receiver has a Close frame, from here or from the source.</summary>
    public bool HasClosed
    {
        get
        {
            lock (_turn)
            {
                return _frames.HasClosed || _state == State.Closed;
            }
        }
    }

    /// <summary>Both sides of a close that was requested here have sent their Close frame.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_turn)
            {
                return _frames.HasClosed && _state == State.Closed;
            }
        }
    }

    /// <summary>Before a write.</summary>
    /// <returns>How many of the bytes are to be written.</returns>
    public int Begin(ReadOnlySpan<byte> bytes)
    {
        lock (_turn)
        {
            var whole = _frames.All(bytes);
            switch (_state)
            {
                case State.Closed:
                    return 0;
                case State.Requested when whole > 0:
                    _state = State.LastWriting;
                    return whole;
                case State.Requested:
                    _state = State.RequestedWriting;
                    return bytes.Length;
                default:
                    _state = State.Writing;
                    return bytes.Length;
            }
        }
    }

    /// <summary>After a write: sends the Close frame if it is time.</summary>
    public ValueTask EndAsync(CancellationToken cancellationToken)
    {
        lock (_turn)
        {
            switch (_state)
            {
                case State.Writing:
                    _state = State.Idle;
                    return ValueTask.CompletedTask;
                case State.RequestedWriting when !_frames.IsBetween:
                    _state = State.Requested;
                    return ValueTask.CompletedTask;
                case State.RequestedWriting or State.LastWriting:
                    _state = State.Closed;
                    break;
                default:
                    return ValueTask.CompletedTask;
            }
        }

        return SendAsync(cancellationToken);
    }

    /// <summary>Requests the Close frame. Called once. Sends it, unless a frame has to be finished first, which the copy does.</summary>
    public ValueTask RequestAsync(CancellationToken cancellationToken)
    {
        lock (_turn)
        {
            if (_frames.HasClosed && _state == State.Idle)
            {
                closed?.Invoke(); // the ends are at it already: the source's own Close frame is the last
                return ValueTask.CompletedTask;
            }

            if (_state != State.Idle || !_frames.IsBetween)
            {
                _state = _state == State.Idle ? State.Requested : State.RequestedWriting;
                return ValueTask.CompletedTask;
            }

            _state = State.Closed;
        }

        return SendAsync(cancellationToken);
    }

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        if (!HasSourceClosed)
        {
            await destination.WriteAsync(masked ? Masked(_goingAway) : _goingAway, cancellationToken);
            await destination.FlushAsync(cancellationToken);
        }

        closed?.Invoke();
    }

    private static byte[] Masked(ReadOnlySpan<byte> frame)
    {
        const int Header = 2;
        const int Mask = 4;
        var masked = new byte[frame.Length + Mask];
        frame[..Header].CopyTo(masked);
        masked[1] |= 0x80;
        var mask = masked.AsSpan(Header, Mask);
        RandomNumberGenerator.Fill(mask);
        for (var i = Header; i < frame.Length; i++)
        {
            masked[i + Mask] = (byte)(frame[i] ^ mask[(i - Header) % Mask]);
        }

        return masked;
    }
}
