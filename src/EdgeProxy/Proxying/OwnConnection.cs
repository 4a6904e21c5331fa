namespace EdgeProxy.Proxying;

/// <summary>
/// The connection that one request has opened for itself. <see cref="SocketsHttpHandler"/> keeps a connection that is made while its request gives
/// up, for another request; with a lifetime of zero there is none, and nobody closes it. A sync worker of gunicorn would wait on it for its whole time-out.
/// </summary>
internal sealed class OwnConnection
{
    public static readonly HttpRequestOptionsKey<OwnConnection> Key = new(nameof(OwnConnection));

    private readonly Lock _turn = new(); // held for a field only; the connection may come while its request gives up
    private Stream? _stream;
    private bool _isGivenUp;

    public void Take(Stream stream)
    {
        lock (_turn)
        {
            _stream = stream;
            if (!_isGivenUp)
            {
                return;
            }
        }

        stream.Dispose();
    }

    /// <summary>The request has failed: whatever was or will be opened for it is closed.</summary>
    public void GiveUp()
    {
        Stream? stream;
        lock (_turn)
        {
            _isGivenUp = true;
            stream = _stream;
        }

        stream?.Dispose();
    }
}
