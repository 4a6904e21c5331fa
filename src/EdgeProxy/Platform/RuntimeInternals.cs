namespace EdgeProxy.Platform;

/// <summary>Names that the runtime and its libraries keep to themselves, and that something here depends on: what to look at first when they are
/// updated. A test of each feature fails where one has changed.</summary>
internal static class RuntimeInternals
{
    /// <summary>The property of WebApplication's pipeline that says that authorization is in it already.</summary>
    public const string AuthorizationIsSet = "__AuthorizationMiddlewareSet";

    /// <summary>The threads that wait for sockets, as the runtime calls them.</summary>
    public const string SocketThreads = ".NET Sockets";

    /// <summary>The field in which Kestrel keeps a Content-Length that stood beside a Transfer-Encoding.</summary>
    public const string DroppedLength = "X-Content-Length";

    /// <summary>The service of data protection that makes a key at every first start.</summary>
    public const string DataProtectionService = "DataProtectionHostedService";
}
