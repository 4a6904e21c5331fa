namespace EdgeProxy.Http;

/// <summary>Status codes that HTTP does not have.</summary>
internal static class ProxyStatusCodes
{
    /// <summary>The status of a request whose client left, for the log; nobody receives it. nginx's number.</summary>
    public const int ClientClosedRequest = 499;

    /// <summary>The status of a request whose connection a rule of the settings has closed. nginx's number, likewise.</summary>
    public const int NoResponse = 444;
}
