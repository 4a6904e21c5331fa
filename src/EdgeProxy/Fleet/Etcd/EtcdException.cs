using Grpc.Core;

namespace EdgeProxy.Fleet.Etcd;

/// <summary>etcd did not do what was asked, or did not say whether it did.</summary>
internal sealed class EtcdException(string message, StatusCode status, Exception? inner = null) : Exception(message, inner)
{
    public StatusCode Status => status;

    /// <summary>The message, for people.</summary>
    public string Words => IsOfEndpoint ? $"etcd does not respond, or has no quorum ({Message})" : $"etcd refuses: {Message}";

    /// <summary>Another endpoint may do it.</summary>
    public bool IsOfEndpoint => status is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Unknown
        or StatusCode.Internal;
}
