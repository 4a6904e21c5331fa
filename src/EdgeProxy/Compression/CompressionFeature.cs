using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Compression;

/// <summary>Compression of files and of the app's responses.</summary>
internal static class CompressionFeature
{
    public static IServiceCollection AddCompression(this IServiceCollection services, CompressionOptions options) =>
        services.AddSingleton(new CompressionPolicy(options)).AddSingleton<ITransformProvider, CompressionTransforms>();
}
