namespace EdgeProxy.Proxying;

/// <summary>A response of the app whose head has come and whose body has not been read yet.</summary>
internal interface IResponseSource
{
    /// <summary>More of the body may come than a client is sure to take at once.</summary>
    bool IsLong { get; }

    /// <summary>The body. A stream may be put before it, which owns it then.</summary>
    Stream Body { get; set; }
}
